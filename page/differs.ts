import { type Differing, differingIn, hardness } from "./differences.js";
import { worst } from "./judge.js";
import { type Answer, few, link, type Pieces } from "./pieces.js";
import type { SiteView, StackView } from "./sites.js";
import { count, names } from "./words.js";

/** So many differences are told at most, a line each; one of the lines may lead to the rest. */
const most = 8;

export function differs({ stacks }: SiteView): Answer {
  const question = "What differs";
  const all = stacks.flatMap((stack) => differingIn(stack.data).map((each) => ({ ...each, stack })));
  const drifts = stacks.map(({ data }) => data.drift);
  const refused = drifts.some(({ refusals }) => refusals.length > 0);
  const unasked = stacks.filter(({ data }) => data.drift.outcome === "not asked");
  const blind = drifts.some(({ outcome }) => outcome === "unknown");
  const hardest = [...all].sort((a, b) => hardness(b.difference) - hardness(a.difference));
  const reasons = drifts.flatMap((drift) => drift.reasons);
  const more = [
    ...few(hardest.map(line), { go: "drift", text: "more under drift" }, most - 1),
    ...few(
      reasons.map((reason): Pieces => [`not known: ${reason}`]),
      { go: "drift", text: "more under drift" },
    ),
  ];
  const mark = worst([
    refused || all.some(({ difference }) => difference.open) ? "bad" : "good",
    all.length > 0 ? "watch" : "good",
    unasked.length > 0 || blind ? "unknown" : "good",
  ]);
  const nobody = unasked.length === stacks.length;
  const where = nobody ? "" : ` of ${names(unasked.map(({ data }) => data.stack))}`;
  const silent = unasked.length === 0 ? [] : [`the files${where} were not compared when this was written`];
  const found = all.length === 0 ? [] : [inCount(all)];
  const rest = found.length + silent.length > 0 ? [] : [blind ? "not all is known" : "nothing"];
  return { question, mark, says: [[...found, ...silent, ...rest].join("; ")], more };
}

/** `7 differences, and 1 setting waits for a restart`. */
export function inCount(all: readonly Pick<Differing, "waits">[]): string {
  const waiting = all.filter(({ waits }) => waits).length;
  const waits = `${count(waiting, "setting")} ${waiting === 1 ? "waits" : "wait"} for a restart`;
  if (waiting === all.length) return waits;
  const found = count(all.length - waiting, "difference");
  return waiting === 0 ? found : `${found}, and ${waits}`;
}

function line({ difference, waits, stack }: Differing & { readonly stack: StackView }): Pieces {
  const { server, object, there, declared } = difference;
  const view = stack.servers.find(({ data }) => data.name === server);
  const who = view === undefined ? [] : [link(view), " "];
  const wanted = declared === undefined ? "" : ` → ${declared}`;
  return [...who, `${object}: ${there}${wanted}${waits ? " (waits for a restart)" : ""}`];
}
