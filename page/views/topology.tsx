import { Fragment } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { narrow } from "../column.js";
import { graphOf, manyServers, type Node } from "../graph.js";
import { stacked, wide } from "../layout.js";
import type { Drawing, Line, Placed } from "../places.js";
import type { SiteView } from "../sites.js";
import { count } from "../words.js";
import { Part, SignShape, silent } from "./parts.js";

/** Who streams from whom: drawn as elements, so that it is read, jumped through and printed as the rest is. */
export function Topology({ sites }: { readonly sites: readonly SiteView[] }) {
  return (
    <Part id="topology" title="Topology">
      {sites.map((site) => (
        <SiteFigure key={site.id} site={site} titled={sites.length > 1} />
      ))}
      <p class="note legend">
        <LegendLine kind="" /> streams <LegendLine kind="far" /> streams to another stack <LegendLine kind="off" /> ✕
        does not stream. WAL runs along the arrows. A server leads to its row below.
      </p>
    </Part>
  );
}

function LegendLine({ kind }: { readonly kind: string }) {
  return (
    <svg class={`legend-line ${kind}`} width="28" height="8" aria-hidden="true">
      <path class={`stream ${kind}`} d="M0 4h28" />
    </svg>
  );
}

function SiteFigure({ site, titled }: { readonly site: SiteView; readonly titled: boolean }) {
  const large = site.servers.length > manyServers;
  const [opened, setOpened] = useState<readonly string[]>([]);
  const [width, frame] = useWidth();
  const collapsed = site.stacks.filter(({ id, servers }) => large && servers.length > 1 && !opened.includes(id));
  const graph = graphOf(site, new Set(collapsed.map(({ id }) => id)));
  const drawing = drawn(graph, width);
  const turn = (id: string) => setOpened(opened.includes(id) ? opened.filter((one) => one !== id) : [...opened, id]);
  return (
    <figure class="topology" aria-label={`Topology of ${site.name}`}>
      {titled ? (
        <h3>
          <bdi>{site.name}</bdi>
        </h3>
      ) : null}
      {large ? (
        <p class="buttons">
          {site.stacks.map(({ id, data, servers }) => (
            <button key={id} type="button" aria-expanded={opened.includes(id)} onClick={() => turn(id)}>
              <bdi>{data.stack}</bdi>: {opened.includes(id) ? "as one" : `show ${count(servers.length, "server")}`}
            </button>
          ))}
        </p>
      ) : null}
      <div ref={frame}>
        <Picture drawing={drawing} name={site.name} />
      </div>
    </figure>
  );
}

/** From left to right where that can still be read, else the stacks one below the other, else everything. */
function drawn(graph: Parameters<typeof wide>[0], width: number): Drawing {
  const first = wide(graph);
  if (first.width * 0.86 <= width) return first;
  const second = stacked(graph);
  return second.width * 0.86 <= width ? second : narrow(graph, width);
}

/** How wide an element is, now and when the window changes. */
function useWidth() {
  const frame = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(1120);
  useLayoutEffect(() => {
    const element = frame.current;
    if (element === null) return;
    const measure = () => setWidth(Math.max(280, Math.floor(element.clientWidth)));
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return [width, frame] as const;
}

const listItem = { role: "listitem" } as const;
const list = { role: "list" } as const;
const image = { role: "img" } as const;
const group = { role: "group" } as const;

function Picture({ drawing, name }: { readonly drawing: Drawing; readonly name: string }) {
  const { width, height, groups, nodes, lines } = drawing;
  return (
    <svg
      class="picture"
      viewBox={`-1 -1 ${Math.ceil(width) + 2} ${Math.ceil(height) + 2}`}
      width={Math.ceil(width)}
      height={Math.ceil(height)}
      {...group}
      aria-label={`Servers and streams of ${name}`}
    >
      {groups.map(({ of, ...box }) => (
        <g key={of.id} class="group" {...silent}>
          <rect {...box} rx="10" />
          <text x={box.x + 14} y={box.y + 20}>
            {fitted(of.title, box.width - 28, 12)}
          </text>
        </g>
      ))}
      <g {...list} aria-label="Streams">
        {lines.map((line, index) => (
          <g key={index} {...listItem}>
            <Stream line={line} />
          </g>
        ))}
      </g>
      <g {...list} aria-label="Servers">
        {nodes.map((node) => (
          <g key={node.of.id} {...listItem}>
            <ServerBox node={node} />
          </g>
        ))}
      </g>
    </svg>
  );
}

function Stream({ line }: { readonly line: Line }) {
  const { of, points, text, far } = line;
  const end = points.at(-1);
  const off = of.mark === "bad";
  const shown = fitted(of.text, 220, 12);
  const width = 12 + 7 * shown.length;
  return (
    <g {...image} aria-label={of.label} class={`edge is-${of.mark}`}>
      <title>{of.label}</title>
      <path class={`stream ${far ? "far" : ""} ${off ? "off" : ""}`} d={path(points)} />
      {end === undefined ? null : <path class="arrow" d={`M${end.x} ${end.y}l-9 -4.5v9Z`} />}
      {text.anchor === "middle" ? (
        <rect class="under" x={text.x - width / 2} y={text.y - 10} width={width} height="20" rx="4" />
      ) : null}
      <text x={text.x} y={text.y + 4} text-anchor={text.anchor}>
        {shown}
      </text>
    </g>
  );
}

/** Smooth where it runs aslant, else with corners. */
function path(points: Line["points"]): string {
  return points
    .map(({ x, y }, index) => {
      const before = points[index - 1];
      if (before === undefined) return `M${x} ${y}`;
      if (before.x === x || before.y === y) return `L${x} ${y}`;
      const middle = (before.x + x) / 2;
      return `C${middle} ${before.y} ${middle} ${y} ${x} ${y}`;
    })
    .join("");
}

function ServerBox({ node }: { readonly node: Placed<Node> }) {
  const { of, x, y, width, height } = node;
  const name = fitted(of.name, width - 52 - 7 * of.role.length, 16);
  const lines = of.lines.map((line) => fitted(line, width - 24, 12));
  // What is seen comes first in what is heard, word by word: whoever speaks to the browser says what they see.
  const seen = [name, of.role, ...lines].filter((text) => text !== "").join(" ");
  const label = [seen, name === of.name ? "" : of.name, of.more].filter((text) => text !== "").join("; ");
  const inside = (
    <g transform={`translate(${x} ${y})`}>
      <rect class="box" x="1" y="1" width={width - 2} height={height - 2} rx="6" />
      <g transform="translate(12 11)">
        <SignShape mark={of.mark} />
      </g>
      <text class="name" x="36" y="24">
        {name}
      </text>{" "}
      <text class="role" x={width - 12} y="24" text-anchor="end">
        {of.role}
      </text>{" "}
      {lines.map((line, index) => (
        <Fragment key={index}>
          <text class={index === 0 ? "state" : "fact"} x="12" y={46 + 18 * index}>
            {line}
          </text>{" "}
        </Fragment>
      ))}
    </g>
  );
  if (of.goes === "") {
    return (
      <g {...image} class="node outside" aria-label={label}>
        {inside}
      </g>
    );
  }
  return (
    <a class={`node is-${of.mark}`} href={`#${of.goes}`} aria-label={label}>
      {inside}
    </a>
  );
}

/** As much of a text as has room: SVG has no ellipsis of its own. Letters of the far east are twice as wide. */
function fitted(text: string, room: number, size: number): string {
  let used = 0;
  let shown = "";
  for (const letter of text) {
    used += size * ((letter.codePointAt(0) ?? 0) > 0x2e7f ? 1.05 : 0.57);
    if (used > room - size * 0.6 && shown.length + letter.length < text.length) return `${shown}…`;
    shown += letter;
  }
  return shown;
}
