import { setTimeout as sleep } from "node:timers/promises";
import type { Writer } from "../support/writer.js";
import { app, type Declared, followersOf, names, present } from "./model.js";
import type { FaultSite } from "./site.js";

/** What must hold and does not, a line each; nothing where all is well. */
export type Verdict = readonly string[];

/** Until servers have settled after a fault, a question is asked again for so long. */
const settling = 30_000;

async function eventually(ask: () => Promise<Verdict>): Promise<Verdict> {
  for (const end = Date.now() + settling; ; await sleep(200)) {
    const verdict = await ask();
    if (verdict.length === 0 || Date.now() > end) return verdict;
  }
}

/** Who takes writes now, of all servers that ever were. */
export async function writable(site: FaultSite): Promise<readonly string[]> {
  const standings = await Promise.all(names.map((name) => site.standing(name)));
  return names.filter((_, index) => standings[index] === "writes");
}

/** Each server is what it is declared to be, and streams from whom it is declared to follow. */
async function roles(site: FaultSite, declared: Declared): Promise<Verdict> {
  const standings = await Promise.all(
    names.map(async (name) => {
      const standing = await site.standing(name);
      const isThere = present(declared).includes(name);
      const wanted = name === declared.primary ? "writes" : isThere ? "recovers" : "down";
      return standing === wanted ? [] : [`${name} ${standing}, and should: ${wanted}`];
    }),
  );
  const streams = await Promise.all(
    present(declared).map(async (name) => {
      const wanted = [...followersOf(declared, name)].sort().join(", ");
      const sql = "select application_name as name from pg_stat_replication where state = 'streaming' order by 1";
      const rows = await site.query(name, sql).catch((error: Error) => [{ name: error.message }]);
      const found = rows.map((row) => row.name).join(", ");
      return found === wanted ? [] : [`from ${name} stream: ${found || "none"}; declared: ${wanted || "none"}`];
    }),
  );
  return [...standings, ...streams].flat();
}

/** Numbers whose commit was acknowledged, and that are not in the table; those that are forgiven aside. */
export async function missing(
  site: FaultSite,
  primary: string,
  writer: Writer,
  forgiven: ReadonlySet<number>,
): Promise<readonly number[]> {
  const acknowledged = writer.acknowledged.slice();
  const islands = await site.query(
    primary,
    `select min(number)::text as first, max(number)::text as last
       from (select number, number - row_number() over (order by number) as island from written) as numbered
      group by island order by min(number)`,
    app,
    app,
  );
  const ranges = islands.map(({ first, last }) => [Number(first), Number(last)] as const);
  let at = 0;
  return acknowledged.filter((number) => {
    while ((ranges[at]?.[1] ?? Number.POSITIVE_INFINITY) < number) at += 1;
    return number < (ranges[at]?.[0] ?? Number.POSITIVE_INFINITY) && !forgiven.has(number);
  });
}

/** Whether what is declared is what is there: roles and streams, then the preview. Rows are another question. */
export async function agrees(site: FaultSite, declared: Declared): Promise<Verdict> {
  const verdict = await eventually(() => roles(site, declared));
  if (verdict.length > 0) return verdict;
  const { code, said } = await site.preview();
  return code === 0 ? [] : [`the preview after it is not clean:\n${said.trim()}`];
}

/** What no message to an administrator may hold: stack traces, JavaScript's own errors, values that are none. */
const unspeakable =
  /\b(Type|Reference|Range|Syntax)Error\b|\n\s+at \S+ \(.+:\d+:\d+\)|\[object Object\]|: undefined\b|\bNaN\b/;

const general = /^error: (update|preview) failed$/;

/** Reasons that a failed `up` gave: what it printed as errors, and what is wrong with how it did. */
export function reasons(said: string): { readonly given: readonly string[]; readonly wrong: Verdict } {
  const given = [...said.matchAll(/^\s*(error: .+)$/gm)]
    .map(([, line = ""]) => line)
    .filter((line) => !general.test(line));
  const bad = unspeakable.exec(said)?.[0].trim();
  return {
    given,
    wrong: [
      ...(given.length === 0 ? ["it did not say why"] : []),
      ...(bad === undefined ? [] : [`it said what no administrator understands: ${bad}`]),
    ],
  };
}
