import pLimit from "p-limit";
import pg from "pg";
import { afterAll, describe, expect, it } from "vitest";
import { proveByRow } from "../../cli/rehearsal/proveByRow.js";
import type { Rehearsal } from "../../cli/rehearsal/rehearsal.js";
import type { Server } from "../../config/site.js";
import type { Major } from "../../postgres/versions.js";
import type { StatusRow } from "../../servers/status/report.js";
import { triedAt } from "../support/everyRun.js";
import { availableMajors, programsOf } from "../support/programs.js";
import { ranAt } from "../support/ran.js";
import { type RehearsedSite, said, sitesOf, stackText, statusRows, withRehearsal } from "../support/rehearsal.js";

const majors = triedAt<Major>(["9.6", "10", "11", "12", "13", "14", "15", "16", "17", "18"], "9.6", "18");
const available = availableMajors();
const skipped = majors.filter((major) => !available.includes(major));
/** The one whose mirror is confirmed by the other stack's outputs. */
const withReference: Major = "18";

/** One for each processor of CI. Those that wait for their turn have their time counted, so all get that of the file. */
const turn = pLimit(2);
const patience = 900_000;

afterAll(() => {
  if (skipped.length > 0) console.log(`not tried, no server programs here (9.6 needs mvn): ${skipped.join(", ")}`);
});

const commented =
  "    # stack: ORGANIZATION/pgsite/ctio   lets the preview confirm the above against the ctio stack's outputs";

describe("the committed stacks, rehearsed", () => {
  for (const [index, major] of majors.entries()) {
    const run = skipped.includes(major) ? it.skip : it.concurrent;
    const how = major === "9.6" ? " from a folder of server programs" : "";
    run(
      `stream at ${major}${how}, and a second up finds nothing to change`,
      ({ task }) =>
        turn(async () => {
          const programs = major === "9.6" ? { binaries: await programsOf(major) } : { postgresql: major };
          const texts = {
            ctio: stackText("ctio"),
            fnal: stackText(
              "fnal",
              major === withReference ? { [commented]: "    stack: organization/pgsite/ctio" } : {},
            ),
          };
          const name = `test-${major.replace(".", "")}` as const;
          await withRehearsal({ name, block: 40 + index, texts, ...programs }, async (rehearsal) => {
            for (const stack of rehearsal.stacks) await rehearsal.up(stack);
            const sites = await sitesOf(rehearsal);
            await expectStreaming(await statusRows(rehearsal), major);
            await expectRefusal(sites);
            expect(await proveByRow(sites)).toEqual({ primary: "server2", readOn: ["des10"] });
            await expectSettled(rehearsal, sites);
            if (major === withReference) await expectContradictionsRefused(rehearsal);
          });
          await ranAt(major, "demo", task.meta);
        }),
      patience,
    );
  }
});

/** Every key that the status promises to programs, and those that it has beside. */
const promised = "name role address port dataDirectory version state timeline upstream lagBytes lagSeconds problems";
const additions = "walSenders systemIdentifier";

async function expectStreaming(rows: readonly StatusRow[], major: Major): Promise<void> {
  const byName = new Map(rows.map((row) => [row.name, row]));
  expect([...byName.keys()].sort()).toEqual(["des10", "server2", "server3"]);
  for (const row of rows) {
    expect(Object.keys(row).sort()).toEqual(`${promised} ${additions}`.split(" ").sort());
    expect(row).toMatchObject({ port: 5442, timeline: 1, problems: [] });
    expect(row.address).toMatch(/^127\.0\.4\d\.\d+$/);
    expect(row.systemIdentifier).toBe(rows[0]?.systemIdentifier);
    // A server that refuses queries tells its version by its data alone.
    expect(row.version).toMatch(row.name === "server3" ? new RegExp(`^${major}$`) : new RegExp(`^${major}\\.\\d+$`));
  }
  const follows = { upstream: "server2", lagBytes: expect.any(Number) };
  expect(byName.get("server2")).toMatchObject({
    role: "primary",
    state: "read-write",
    upstream: null,
    lagBytes: null,
    lagSeconds: null,
    dataDirectory: expect.stringMatching(/\/raid2\/database\/sispi_db$/),
  });
  expect(byName.get("server2")?.walSenders?.toSorted()).toEqual(["des10", "server3"]);
  expect(byName.get("server3")).toMatchObject({ role: "standby", state: "in recovery, refuses queries", ...follows });
  expect(byName.get("des10")).toMatchObject({
    role: "mirror",
    state: "in recovery, read-only",
    walSenders: [],
    ...follows,
  });
}

/** server3 is warm: its port is open, and no client gets a session there. */
async function expectRefusal(sites: readonly RehearsedSite[]): Promise<void> {
  const { server, password } = serverAndPassword(sites, "server3");
  const connect = new pg.Client({
    host: server.address,
    port: 5442,
    user: "dbadmin",
    password,
    database: "postgres",
  }).connect();
  const cannotConnectNow = "57P03";
  await expect(connect).rejects.toMatchObject({ code: cannotConnectNow });
}

async function expectSettled(rehearsal: Rehearsal, sites: readonly RehearsedSite[]): Promise<void> {
  const before = await startTimes(sites);
  for (const stack of rehearsal.stacks) {
    expect(Object.keys(await rehearsal.up(stack))).toEqual(["same"]);
    said(await rehearsal.pulumi(["preview", "--expect-no-changes", "--stack", stack]));
  }
  expect(await startTimes(sites)).toEqual(before);
}

async function startTimes(sites: readonly RehearsedSite[]): Promise<readonly string[]> {
  return Promise.all(
    ["server2", "des10"].map(async (name) => {
      const { server, password } = serverAndPassword(sites, name);
      const client = new pg.Client({
        host: server.address,
        port: 5442,
        user: "dbadmin",
        password,
        database: "postgres",
      });
      await client.connect();
      try {
        const { rows } = await client.query(
          "select pg_postmaster_start_time()::text as started, pg_conf_load_time()::text as loaded",
        );
        return `${name} ${rows[0].started} ${rows[0].loaded}`;
      } finally {
        await client.end();
      }
    }),
  );
}

function serverAndPassword(sites: readonly RehearsedSite[], name: string): { server: Server; password: string } {
  for (const { site, passwords } of sites) {
    const server = site.servers.find((one) => one.name === name);
    if (server !== undefined) return { server, password: passwords.dbadmin ?? "" };
  }
  throw new Error(`no stack has ${name}`);
}

/** What fnal states of its upstream is held against what ctio says of it, and nothing is done where they differ. */
async function expectContradictionsRefused(rehearsal: Rehearsal): Promise<void> {
  const set = async (...args: string[]) =>
    said(await rehearsal.pulumi(["config", ...args, "--stack", "fnal", "--path"]));
  const { addresses, folder } = rehearsal.record.rehearsal;
  await set("set", "pgsite:upstream.port", "5443");
  await set("set", "pgsite:upstream.dataDirectory", "/raid3/database/sispi_db");
  await set("set", "pgsite:rehearsal.addresses.server2", addresses.des10 ?? "");
  const preview = await rehearsal.pulumi(["preview", "--stack", "fnal", "--color", "never"]);
  expect(preview.exitCode).not.toBe(0);
  const told = `${preview.stdout}`.split("\n").map((line) => line.trim());
  expect(told).toEqual(
    expect.arrayContaining([
      "error: 3 problems in Pulumi.fnal.yaml; nothing was touched:",
      `hosts.server2: the address of server2 is ${addresses.des10} here and ${addresses.server2} in organization/pgsite/ctio: make them agree`,
      "upstream.port: the port of server2 is 5443 here and 5442 in organization/pgsite/ctio: make them agree",
      `upstream.dataDirectory: the data directory of server2 is ${folder}/server2/raid3/database/sispi_db here and ${folder}/server2/raid2/database/sispi_db in organization/pgsite/ctio: make them agree`,
    ]),
  );
}
