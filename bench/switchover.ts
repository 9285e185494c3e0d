// How long clients cannot write while another server becomes the primary: `pulumi up`, against the barest commands, and beside Patroni.
import { Rehearsal } from "../cli/rehearsal/rehearsal.js";
import { Writer } from "../test/support/writer.js";
import { BarePair, type Place } from "./support/barePair.js";
import { closing } from "./support/closing.js";
import { compare, median, say, seconds } from "./support/compare.js";
import { Patroni } from "./support/patroni.js";
import { programsOf15, withRehearsal } from "./support/site.js";

const name = "bench-switchover";
const login = { user: "postgres", password: "bench" };
const port = 5432;

const declared = (primary: string) => ({
  pair: `config:
  pgsite:site: pair
  pgsite:postgresql: "15"
  pgsite:hosts: {server2: 192.0.2.2, server3: 192.0.2.3}
  pgsite:primary: ${primary}
  pgsite:servers: {server2: {dataDirectory: /data}, server3: {dataDirectory: /data}}
`,
});

/** The longest time between two acknowledged rows of a client, while something is done. */
async function gapDuring(places: readonly Place[], act: () => Promise<void>): Promise<number> {
  const writer = await Writer.start(places, login);
  try {
    await writer.until(200);
    await act();
    await writer.until(200);
  } finally {
    await writer.stop();
  }
  return writer.longestGap;
}

async function withPatroni(programs: string, rounds: number): Promise<number | undefined> {
  const gaps: number[] = [];
  try {
    await closing(
      await Patroni.make(programs, ["127.0.185.2", "127.0.185.3", "127.0.185.4"], port),
      async (patroni) => {
        for (let round = 0; round < rounds; round += 1) {
          gaps.push(await gapDuring(patroni.places, () => patroni.switchOver()));
          await patroni.settled();
        }
      },
    );
  } catch (error) {
    say(`Patroni could not be measured: ${error instanceof Error ? error.message : error}`);
    return undefined;
  }
  return median(gaps);
}

async function main(rounds: number): Promise<void> {
  const { binaries } = programsOf15;
  if (binaries === undefined) throw new Error("the bare commands need pg_basebackup: install Debian's postgresql-15");
  const passwords = { postgres: login.password, replicator: login.password };
  const options = { name, block: 186, ...programsOf15, passwords };
  const bare = await BarePair.make(binaries, ["127.0.184.2", "127.0.184.3"], port);
  let ours = 0;
  await closing(bare, () =>
    withRehearsal({ ...options, texts: declared("server2") }, async (rehearsal) => {
      await rehearsal.up("pair");
      const places = Object.values(rehearsal.record.rehearsal.addresses).map((address) => ({ address, port }));
      let primary = "server2";
      ours = (
        await compare({
          name: "switchover",
          target: 2,
          rounds,
          reference: async () => {
            const gap = await gapDuring(bare.places, () => bare.switchOver());
            await bare.follow();
            return gap;
          },
          subject: async () => {
            primary = primary === "server2" ? "server3" : "server2";
            await Rehearsal.prepare({ ...options, texts: declared(primary) });
            return gapDuring(places, async () => {
              await rehearsal.up("pair");
            });
          },
        })
      ).subject;
    }),
  );
  const theirs = await withPatroni(binaries, rounds);
  if (theirs !== undefined)
    say(
      `ratio switchover-patroni ${(ours / theirs).toFixed(2)} target 1.00 (patronictl switchover: ${seconds(theirs)})`,
    );
}

main(Number(process.argv[2] ?? 5)).catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
