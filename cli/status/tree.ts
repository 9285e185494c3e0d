import { shownInLine } from "../../postgres/shown.js";
import type { StatusRow } from "../../servers/status/report.js";
import { lateInWords } from "../../servers/words/late.js";
import { behindInWords, offInWords } from "../../servers/words/streams.js";
import { aligned, fitting, type Look, painted, type Style } from "../terminal.js";
import type { Edge, Place, SiteTopology } from "./topology.js";

/** The trees of a site, one line a server, below a heading; lines of 80 columns wrap where names are long alone. */
export function drawTopology(topology: SiteTopology, style: Style): string {
  const lines = topology.roots.flatMap((root) => linesOf(root, topology, style));
  const tree = (cells: (line: Line) => readonly string[]) => () => aligned(lines.map(cells)).join("\n");
  const drawing = fitting(
    [
      tree(({ name, role, timeline, does }) => [name, role, timeline, does]),
      tree(({ name, timeline, does }) => [name, timeline, does]),
      tree(({ name, timeline, does }) => [name, timeline.replace("timeline", "TL"), does]),
    ],
    style,
  );
  return [headingOf(topology, style), drawing].join("\n");
}

/** What a line of the drawing says, each painted. */
interface Line {
  readonly name: string;
  readonly role: string;
  readonly timeline: string;
  readonly does: string;
}

/** Lines from a sender to who streams from it, and to who is to and does not. */
const strokes = {
  unicode: { more: "├", last: "└", by: "│", streams: "─▸ ", off: "╌✗ " },
  ascii: { more: "|", last: "`", by: "|", streams: "-> ", off: "-x " },
} as const;

function headingOf({ site, stacks, writers, whole }: SiteTopology, style: Style): string {
  const isNamedAlike = stacks.length === 1 && stacks[0] === site;
  const name = shownInLine(isNamedAlike ? site : `${site} (${stacks.join(", ")})`);
  const wrong = writers > 1 ? `${writers} servers take writes` : writers === 0 && whole ? "nobody takes writes" : "";
  return wrong === ""
    ? painted("heading", name, style)
    : `${painted("heading", `${name}:`, style)} ${painted("wrong", wrong, style)}`;
}

function linesOf(root: Place, topology: SiteTopology, style: Style): readonly Line[] {
  const stroke = style.unicode ? strokes.unicode : strokes.ascii;
  const severalStacks = topology.stacks.length > 1;
  const walk = (place: Place, before: string, below: string): readonly Line[] => {
    const followers = place.followers.flatMap((follower, index) => {
      const isLast = index === place.followers.length - 1;
      const arrow = follower.edge?.streams === true ? stroke.streams : stroke.off;
      const corner = isLast ? stroke.last : stroke.more;
      return walk(follower, `${below}${corner}${arrow}`, `${below}${isLast ? " " : stroke.by}   `);
    });
    return [lineOf(place, before, severalStacks, style), ...followers];
  };
  return walk(root, "", "");
}

function lineOf(place: Place, before: string, severalStacks: boolean, style: Style): Line {
  const { found } = place;
  const isWrong = (found?.row.problems.length ?? 0) > 0;
  const writes = found?.row.state === "read-write";
  const name = shownInLine(place.name);
  const stack = severalStacks && found !== undefined ? painted("aside", ` (${shownInLine(found.stack)})`, style) : "";
  const shownName = isWrong ? painted("wrong", name, style) : writes ? painted("writes", name, style) : name;
  const mark = isWrong ? painted("wrong", "!", style) : " ";
  return {
    name: `${mark} ${painted("aside", before, style)}${shownName}${stack}`,
    role: painted("aside", found?.row.role ?? "outside", style),
    timeline: timelineOf(place, style),
    does: doing(place, style),
  };
}

function timelineOf({ found, edge }: Place, style: Style): string {
  if (found === undefined) return "";
  const { timeline } = found.row;
  const theirs = edge?.timeline ?? null;
  if (timeline === null || theirs === null || timeline === theirs) return `timeline ${timeline ?? "?"}`;
  return painted("unusual", `timeline ${timeline}, not ${theirs}`, style);
}

/** What a line says, piece by piece, and how that looks. */
type Piece = readonly [text: string, look?: Look];

function doing(place: Place, style: Style): string {
  return piecesOf(place)
    .map(([text, look]) => (look === undefined ? shownInLine(text) : painted(look, shownInLine(text), style)))
    .join(", ");
}

/** What a server does, by its state and by how WAL comes to it. */
function piecesOf({ found, edge }: Place): readonly Piece[] {
  if (found === undefined) return [edge === undefined ? ["in none of the stacks asked", "aside"] : ["streams"]];
  const { row } = found;
  if (row.state === "read-write") return [["takes writes", "writes"]];
  const behind = behindInWords(row);
  return [
    ...(edge?.circle === true ? [[`in a circle, from ${edge.from}`, "wrong"] as const] : []),
    ...(row.state.startsWith("in recovery") ? [] : [[row.state, "wrong"] as const]),
    ...receiving(row, edge),
    ...(behind === undefined ? [] : [[behind] as const]),
    ...(row.late === undefined ? [] : [[lateInWords(row.late), "unusual"] as const]),
    ...(edge?.declared === undefined ? [] : [[`declared from ${edge.declared}`, "unusual"] as const]),
  ];
}

/** Of a server that is not in recovery, what its state does not say already. */
function receiving({ state, late }: StatusRow, edge: Edge | undefined): readonly Piece[] {
  if (edge?.streams === true) return [["streams"]];
  if (!state.startsWith("in recovery")) return [];
  if (edge === undefined) return [["in recovery, follows nobody", "wrong"]];
  if (edge.off !== undefined) return [[offInWords(edge.off), "wrong"]];
  // Nothing is wrong with one that is to replay first what it has, which its delay says.
  const isFirst = late?.code === "delayed" && late.replaysFirst === true;
  return [["does not stream", isFirst ? "unusual" : "wrong"]];
}
