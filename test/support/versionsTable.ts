import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Major, majors } from "../../postgres/versions.js";
import { checkout } from "../../toolchain/paths.mjs";

/** What of a site's life is tried at versions, in the order of the table. */
export const acts = {
  demo: "`npm run demo`: made, streaming; a second run changes nothing",
  drift: "`pgsite drift` of an untouched site finds nothing",
  statements: "every question that pgsite asks by SQL is understood",
  plants: "planted differences are seen in the preview, and healed by `up`",
  floors: "rollout of raised and lowered floors (`max_connections` …)",
  failover: "failover by `up` with `lost`",
  switchover: "switchover by `up`, there and back",
  rejoin: "the old primary comes back by `up`, its own rows kept aside",
  mirror: "the mirror in a stack of its own goes on after the primary changed",
  received: "what a standby received is known to the byte",
  runbook: "failover and rejoin by the runbook, without Pulumi; adopted without a change",
  byHand: "failover by hand (trigger file), adopted without a change",
  archive: "the mirror gets its data by archive",
  import: "servers that were made by hand become a stack; nothing changes",
  backups: "backups and their restore",
  watch: "watch",
  night: "the night of the guide, on three hosts, under a writer",
} as const;

export type Act = keyof typeof acts;

/** That an act was seen to work. */
export interface Run {
  /** `2026-11-30` */
  readonly day: string;
  /** `9.0.3` */
  readonly version: string;
  /** Servers have to be seeded again for it. */
  readonly seeding?: true;
}

export type Runs = Readonly<Partial<Record<Major, Readonly<Partial<Record<Act, Run>>>>>>;

const folder = join(checkout, "docs");
const [data, table] = [join(folder, "versions.json"), join(folder, "versions.md")];

/** What a test says of itself, for whoever records it. */
export type Seen = Pick<Run, "version" | "seeding"> & { readonly major: Major; readonly act: Act };

/** Records what was seen on a day (`2026-11-30`), and writes the document anew. */
export function record(seen: readonly Seen[], day: string): void {
  let runs = recordedRuns();
  for (const { major, act, ...run } of seen) runs = { ...runs, [major]: { ...runs[major], [act]: { day, ...run } } };
  writeFileSync(data, `${JSON.stringify(inOrder(runs), null, 2)}\n`);
  writeFileSync(table, versionsDocument(runs));
}

export function recordedRuns(): Runs {
  return JSON.parse(readFileSync(data, "utf8"));
}

/** By version and act as their tables have them, so that what is written anew differs in what is new. */
function inOrder(runs: Runs): Runs {
  const actsOf = (one: Runs[Major] = {}) =>
    Object.fromEntries(names.flatMap((act) => (one[act] === undefined ? [] : [[act, one[act]]])));
  return Object.fromEntries(
    majors.flatMap((major) => (runs[major] === undefined ? [] : [[major, actsOf(runs[major])]])),
  );
}

const names = Object.keys(acts) as Act[];

/** The document, of what was run. */
export function versionsDocument(runs: Runs): string {
  const columns = majors.filter((major) => runs[major] !== undefined);
  const cell = (run: Run | undefined) => (run === undefined ? "–" : `${run.seeding ? "seeds again, " : ""}${run.day}`);
  const row = (cells: readonly string[]) => `| ${cells.join(" | ")} |\n`;
  const tried = (major: Major) => [...new Set(names.flatMap((act) => runs[major]?.[act]?.version ?? []))].join(", ");
  return `${head}
${row(["", ...columns])}${row(["---", ...columns.map(() => "---")])}${row(["run with", ...columns.map(tried)])}${names
  .map((act) => row([acts[act], ...columns.map((major) => cell(runs[major]?.[act]))]))
  .join("")}
${foot}`;
}

const head = `# What was run at which version

Tests write this table: a day says that the act was run on real servers of that version, last on that day, and worked. **seeds again**: it
works, and standbys get their data anew for it, since servers before 9.3 do not follow a primary over to another timeline. **–**: not run
at that version.
`;

const foot = `What takes seeding says so in the preview, and waits for the word \`servers.NAME.seedAgain: true\` where nobody was declared \`lost\`
([failover](failover.md), [switchover](switchover.md), [rejoin](rejoin.md)).

9.6 to 18 come from package registries and are tried in every run or in \`npm run proof -- versions\`. Older ones are not to be had there:
\`PGSITE_OLD_SERVERS=FOLDER npm run proof -- old\` takes them from a folder with \`VERSION/bin\`, and every run tries what such servers said,
recorded in \`test/fixtures/old\`. With \`PGSITE_RECORD=1\` a run writes here.
`;
