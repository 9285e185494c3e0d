// Three servers from nothing, against the barest shell script that does the same acts.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { checkout } from "../toolchain/paths.mjs";
import { unprivileged } from "./support/account.js";
import { compare, median, say, seconds, timed } from "./support/compare.js";
import { makeFolder, removeFolder } from "./support/folder.js";
import { oneStackOfThree, programsOf15, withRehearsal } from "./support/site.js";

const name = "bench-provision";

async function script(programs: string): Promise<number> {
  const folder = makeFolder();
  const argv = [join(checkout, "bench", "provision.sh"), programs, folder, "201"];
  try {
    return await timed(() => execa("sh", argv, { ...unprivileged(), stdin: "ignore" }));
  } finally {
    removeFolder(folder);
  }
}

/** Milliseconds of making the project ready, and of its `up --skip-preview`: of all stacks together. */
async function rehearsed(texts?: Readonly<Record<string, string>>): Promise<{ ready: number; up: number }> {
  const began = performance.now();
  const options = { name, block: 202, ...programsOf15, ...(texts === undefined ? {} : { texts }) };
  return withRehearsal(options, async (rehearsal) => {
    const ready = performance.now() - began;
    const up = await timed(async () => {
      for (const stack of rehearsal.stacks) await rehearsal.up(stack);
    });
    return { ready, up };
  });
}

async function main(rounds: number): Promise<void> {
  const { binaries } = programsOf15;
  if (binaries === undefined || !existsSync(join(binaries, "pg_basebackup"))) {
    throw new Error("the script needs psql and pg_basebackup: install Debian's postgresql-15 and postgresql-client-15");
  }
  const ready: number[] = [];
  const one = { three: oneStackOfThree() };
  await compare({
    name: "provision",
    target: 3,
    rounds,
    reference: () => script(binaries),
    subject: async () => {
      const took = await rehearsed(one);
      ready.push(took.ready);
      return took.up;
    },
  });
  const two = await rehearsed();
  say(`beside it: making the project, its stack and its passwords ready ${seconds(median(ready))}`);
  say(`the same three servers as two stacks, ctio and fnal: ${seconds(two.up)}`);
}

main(Number(process.argv[2] ?? 5)).catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
