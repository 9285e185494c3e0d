import { afterAll, describe, expect, it } from "vitest";
import type { Major } from "../../postgres/versions.js";
import { proveByRow } from "../../rehearsal/demo.js";
import type { Rehearsal } from "../../rehearsal/rehearsal.js";
import { openSession, SqlUnreachable } from "../../servers/session.js";
import { availableMajors, programsOf } from "../support/programs.js";
import { pgsite, sitesOf, stackText, statusRows, withRehearsal } from "../support/rehearsal.js";

const majors: readonly Major[] = ["9.6", "10", "11", "12", "13", "14", "15", "16", "17", "18"];
const available = availableMajors();
const skipped = majors.filter((major) => !available.includes(major));

afterAll(() => {
  if (skipped.length > 0)
    console.log(`not tried, their programs cannot be had here (9.6 needs mvn): ${skipped.join(", ")}`);
});

/** The mirror's stack file, confirmed by the other stack's outputs. */
const confirmed = stackText("fnal", {
  "    # stack: ORGANIZATION/pgsite/ctio   lets the preview confirm the above against the ctio stack's outputs":
    "    stack: organization/pgsite/ctio",
});

// Each in a block of addresses of its own, so that some run at once.
describe("the real stacks, rehearsed", () => {
  for (const [index, major] of majors.entries()) {
    const run = skipped.includes(major) ? it.skip : it.concurrent;
    run(
      `stream at ${major}, and a second up changes nothing`,
      async () => {
        const programs = major === "9.6" ? { binaries: await programsOf(major) } : { postgresql: major };
        const texts = { ctio: stackText("ctio"), fnal: major === "15" ? confirmed : stackText("fnal") };
        const options = {
          name: `test-${major.replace(".", "")}`,
          block: 40 + index,
          stacks: ["ctio", "fnal"],
          texts,
          ...programs,
        };
        await withRehearsal(options, async (rehearsal) => {
          for (const stack of rehearsal.stacks) await rehearsal.up(stack);
          await expectStreaming(rehearsal, major);
          await expectSettled(rehearsal);
          if (major === "15") await expectContradictionsRefused(rehearsal);
        });
      },
      180_000,
    );
  }
});

async function expectStreaming(rehearsal: Rehearsal, major: Major): Promise<void> {
  const rows = await statusRows(rehearsal);
  const row = (name: string) => rows.find((candidate) => candidate.name === name);
  expect(rows.flatMap(({ name, problems }) => problems.map((problem) => `${name}: ${problem}`))).toEqual([]);
  expect(row("server2")).toMatchObject({ role: "primary", state: "read-write", port: 5442, timeline: 1 });
  expect([...(row("server2")?.walSenders ?? [])].sort()).toEqual(["des10", "server3"]);
  expect(row("server2")?.version?.startsWith(`${major}.`)).toBe(true);
  expect(row("server3")).toMatchObject({ role: "standby", state: "in recovery, refuses queries", upstream: "server2" });
  expect(row("des10")).toMatchObject({ role: "mirror", state: "in recovery, read-only", upstream: "server2" });
  for (const name of ["server3", "des10"]) expect(typeof row(name)?.lagBytes).toBe("number");
  for (const { address } of rows) expect(address).toMatch(/^127\.0\./);

  const sites = await sitesOf(rehearsal);
  expect(await proveByRow(sites)).toEqual({ primary: "server2", readOn: ["des10"] });
  const [ctio] = sites;
  const standby = ctio?.site.servers.find(({ name }) => name === "server3");
  if (ctio === undefined || standby === undefined) throw new Error("ctio has no server3");
  const login = { user: "dbadmin", password: ctio.passwords.dbadmin ?? "" };
  await expect(openSession(standby, login)).rejects.toBeInstanceOf(SqlUnreachable);
}

async function expectSettled(rehearsal: Rehearsal): Promise<void> {
  const started = await startTimes(rehearsal);
  for (const stack of rehearsal.stacks) {
    expect(Object.keys(await rehearsal.up(stack))).toEqual(["same"]);
  }
  expect(await startTimes(rehearsal)).toEqual(started);
}

async function startTimes(rehearsal: Rehearsal): Promise<readonly unknown[]> {
  const sites = await sitesOf(rehearsal);
  const answering = sites.flatMap(({ site, passwords }) =>
    site.servers
      .filter(({ hotStandby, role }) => hotStandby || role === "primary")
      .map((server) => ({ server, passwords })),
  );
  return Promise.all(
    answering.map(async ({ server, passwords }) => {
      const session = await openSession(server, { user: "dbadmin", password: passwords.dbadmin ?? "" });
      try {
        return await session.query("SELECT pg_postmaster_start_time()::text AS started");
      } finally {
        await session.end();
      }
    }),
  );
}

/** What fnal states of its upstream and what ctio says of it: told apart before anything is done. */
async function expectContradictionsRefused(rehearsal: Rehearsal): Promise<void> {
  await rehearsal.pulumi(["config", "set", "--stack", "fnal", "--path", "pgsite:upstream.port", "5443"]);
  const preview = await rehearsal.pulumi(["preview", "--stack", "fnal"]);
  expect(preview.exitCode).not.toBe(0);
  expect(`${preview.stdout}`).toContain(
    "upstream.port: the port of server2 is 5443 here and 5442 in organization/pgsite/ctio: make them agree",
  );
  await rehearsal.pulumi(["config", "rm", "--stack", "fnal", "--path", "pgsite:upstream.port"]);
  expect((await pgsite(rehearsal, ["status", "--stack", "fnal"])).exitCode).toBe(0);
}
