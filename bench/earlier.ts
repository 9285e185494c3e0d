// An unchanged preview, an unchanged `up`, and `up`s that reload and restart, against another checkout of pgsite: what a change of ours costs.
// `npm run bench -- earlier ROUNDS [NAME…]`: these alone, preview-unchanged for one.
import { existsSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseDocument } from "yaml";
import type { Rehearsal } from "../cli/rehearsal/rehearsal.js";
import { compare, say, timed } from "./support/compare.js";
import { oneStackOf, programsOf15, withRehearsal } from "./support/site.js";

const stack = "three";
const plainly = ["--non-interactive", "--color", "never", "--stack", stack];
const up = ["up", "--yes", "--skip-preview", ...plainly];

async function must(rehearsal: Rehearsal, args: readonly string[]): Promise<void> {
  const { exitCode, stdout, stderr } = await rehearsal.pulumi(args);
  if (exitCode !== 0) throw new Error(`pulumi ${args[0]} failed:\n${stdout}\n${stderr}`);
}

/** A stack file without the keys that an earlier checkout did not know: what these bring is a part of what is measured. */
function knownTo(checkout: string, text: string): string {
  const schema = JSON.parse(readFileSync(join(checkout, "docs", "stack.schema.json"), "utf8"));
  const document = parseDocument(text);
  const { config = {} } = document.toJS() as { config?: Readonly<Record<string, unknown>> };
  for (const key of Object.keys(config))
    if (!(key in schema.properties.config.properties)) document.deleteIn(["config", key]);
  return document.toString();
}

/** A setting of all servers, another value each round. */
async function declare(rehearsal: Rehearsal, name: string, value: string): Promise<void> {
  await must(rehearsal, ["config", "set", "--path", `pgsite:settings.${name}`, value, "--stack", stack]);
}

/** The rehearsal's project runs the program and the provider that another checkout has built. */
function runFrom(rehearsal: Rehearsal, checkout: string): void {
  for (const part of ["dist", "node_modules", "toolchain"]) {
    rmSync(join(rehearsal.project, part), { force: true });
    symlinkSync(join(checkout, part), join(rehearsal.project, part));
  }
}

/** What is measured, and what it may cost more than before. */
const measured = [
  {
    name: "preview-unchanged",
    target: 1.02,
    act: (site: Rehearsal) => must(site, ["preview", "--expect-no-changes", ...plainly]),
  },
  { name: "up-unchanged", target: 1.02, act: (site: Rehearsal) => must(site, up) },
  { name: "up-reload", target: 1.05, setting: (round: number) => ["work_mem", `${4 + round}MB`], act: changed },
  { name: "up-restart", target: 1.05, setting: (round: number) => ["max_connections", `${100 + round}`], act: changed },
] as const;

function changed(site: Rehearsal): Promise<void> {
  return must(site, up);
}

async function main(rounds: number, names: readonly string[]): Promise<void> {
  const earlier = resolve(process.env.PGSITE_EARLIER ?? "");
  if (!existsSync(join(earlier, "dist", "index.bundle.js"))) {
    throw new Error(`PGSITE_EARLIER names no checkout of pgsite that is built: in it, run \`npm run setup\` first`);
  }
  const site = (name: string, block: number, text: string) => ({
    name: `bench-${name}`,
    block,
    texts: { [stack]: text },
    ...programsOf15,
  });
  const [now, then] = [oneStackOf(3), knownTo(earlier, oneStackOf(3))];
  await withRehearsal(site("before", 202, then), (before) =>
    withRehearsal(site("after", 203, now), async (after) => {
      runFrom(before, earlier);
      for (const one of [before, after]) await one.up(stack);
      const side = (one: Rehearsal, { act, ...what }: (typeof measured)[number]) =>
        async function run(round: number): Promise<number> {
          if ("setting" in what) {
            const [name = "", value = ""] = what.setting(round);
            await declare(one, name, value);
          }
          return timed(() => act(one));
        };
      for (const what of measured.filter(({ name }) => names.length === 0 || names.includes(name))) {
        for (const one of [before, after]) await side(one, what)(0);
        const { reference, subject } = await compare({
          name: what.name,
          target: what.target,
          rounds,
          reference: side(before, what),
          subject: side(after, what),
        });
        say(`${what.name}: ${Math.round(subject - reference)} ms more than before`);
      }
    }),
  );
}

main(Number(process.argv[2] ?? 9), process.argv.slice(3)).catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
