import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type BackupFacts, backupFiles } from "../../installed/backups/render.js";
import type { Major } from "../../postgres/versions.js";
import { clientPrograms } from "../../toolchain/clients.mjs";
import { BackedUp, eventsOf, rulesOf } from "../support/backedUp.js";
import { binDirectory, HostSite } from "../support/hostSite.js";
import { whyNoHosts } from "../support/multihost.js";
import { availableMajors, programsOf } from "../support/programs.js";
import { sispiRules, sispiScript } from "../support/sispi.js";

const majors = (["9.6", "10", "13", "15", "18"] as const).filter((major) => availableMajors().includes(major));

describe.each(majors)("a run of the backups of PostgreSQL %s", (major: Major) => {
  let site: BackedUp | undefined;

  afterAll(async () => {
    await site?.close();
  });

  it("is of one moment, whole, and has each table and sequence once", { timeout: 180_000 }, async () => {
    const clients = await clientPrograms(major);
    expect(clients).toBeDefined();
    site = await BackedUp.make(
      { major, programs: await programsOf(major), rows: 2000 },
      { job: { binDirectory: clients as string } },
    );
    const { code, stderr, events } = await site.backup();
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const manifest = site.manifest(events.find(([word]) => word === "made")?.[1] ?? "");
    expect(manifest.filter(([word]) => word === "moment").map((line) => line[2])).toEqual(["one", "one", "one"]);
    for (const database of ["decam", "desbrdev", "decamcrl"]) {
      const there = await site.server.query(
        database,
        `copy (select n.nspname, c.relname, c.relkind from pg_class c join pg_namespace n on n.oid = c.relnamespace
           where c.relkind in ('r', 'S') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema') to stdout`,
      );
      const held = manifest
        .filter(([word, path, , , kind]) => word === "holds" && path?.startsWith(`${database}/`) && kind !== "m")
        .map(([, , ...relation]) => relation.join("\t"));
      expect(held.sort()).toEqual(there.split("\n").sort());
    }
    const dumps = await site.server.must([
      `${clients}/pg_restore`,
      "-l",
      `${site.folder}/${site.runs()[0]}/decam/rest.dump`,
    ]);
    expect(dumps).toMatch(/ BLOBS /);
  });
});

describe.skipIf(whyNoHosts() !== undefined)("copies from host to host by ssh", { timeout: 120_000 }, () => {
  let site: HostSite;
  const folder = "/var/lib/postgresql/db backup";
  const elsewhere = "/var/lib/postgresql/copies of 'server2'";

  beforeAll(async () => {
    site = await HostSite.make(["server2", "server3"], { dbadmin: "adm1n", replicator: "r3pl" });
    await site.makePrimary(1);
    await site.asOwner(
      "server2",
      `${binDirectory}/psql -h /tmp -qX -v ON_ERROR_STOP=1 -d postgres <<'END_OF_SCRIPT'\n${sispiScript({ rows: 500 })}\nEND_OF_SCRIPT`,
    );
    await site.trust("server2", "server3");
    await install({});
  }, 180_000);

  afterAll(async () => {
    await site?.close();
  }, 60_000);

  const program = (name: string) => `${site.server("server2").controlDirectory}/backups/${name}`;

  async function install(changes: Partial<BackupFacts>): Promise<void> {
    const server = site.server("server2");
    const ssh = { user: "postgres", address: site.host("server3").address };
    const set = await backupFiles({
      job: {
        site: "sispi",
        server: "server2",
        version: "15",
        user: "postgres",
        dataDirectory: server.dataDirectory,
        controlDirectory: server.controlDirectory,
        binDirectory,
        port: server.port,
        connection: { socketFolder: "/tmp" },
      },
      folder,
      role: "primary",
      databases: { decam: rulesOf(sispiRules.decam) },
      jobs: 2,
      lockWait: 5,
      keep: { last: 9, daily: 0, weekly: 0, monthly: 0 },
      places: [
        { name: "server3", folder: elsewhere, ssh, foreign: false },
        { name: "fermilab", folder: `${elsewhere}/far`, ssh, foreign: true },
      ],
      ...changes,
    });
    await site.asOwner("server2", `mkdir -p '${set.folder}'`);
    for (const [name, { content, mode }] of Object.entries(set.files)) {
      const path = `${set.folder}/${name}`;
      await site
        .host("server2")
        .must(["sh", "-c", 'cat >"$0" && chmod "$1" "$0" && chown postgres "$0"', path, mode.toString(8)], {
          input: content,
        });
    }
  }

  async function backup(): Promise<readonly (readonly string[])[]> {
    return eventsOf(await site.asOwner("server2", `'${program("backup")}' --events || true`));
  }

  const sums = (name: string, path: string) =>
    site.asOwner(name, `cd "${path}" && find . -type f -exec sha256sum {} + | sort -k 2`);
  const listed = async (name: string, path: string) =>
    (await site.asOwner(name, `cd "${path}" && find . -type f -printf '%m %p\\n' | sort -k 2`)).trim().split("\n");

  it("are the same there, for their owner alone, and have no passwords at another site's", async () => {
    const events = await backup();
    expect(events.filter(([word]) => word === "trouble" || word === "failed")).toEqual([]);
    const run = events.find(([word]) => word === "made")?.[1] ?? "";
    const own = await listed("server2", `${folder}/${run}`);
    expect(await listed("server3", `${elsewhere}/${run}`)).toEqual(own);
    expect(await listed("server3", `${elsewhere}/far/${run}`)).toEqual(
      own.filter((line) => !/ \.\/(globals\.sql|configuration)/.test(line)),
    );
  });

  it("of a run that a power cut has left half are made whole, though a file has the same size and time", async () => {
    const run = (await backup()).find(([word]) => word === "made")?.[1] ?? "";
    const before = await sums("server3", `${elsewhere}/${run}`);
    await site.asOwner(
      "server3",
      `cd "${elsewhere}" && mv '${run}' '${run}.partial' && cd '${run}.partial/decam' && touch -r rest.dump ../../time &&
      printf x | dd of=rest.dump bs=1 seek=900 conv=notrunc 2>/dev/null && touch -r ../../time rest.dump && rm ../../time monsoon.dump`,
    );
    const events = await backup();
    expect(events.filter(([word]) => word === "trouble")).toEqual([]);
    expect(await sums("server3", `${elsewhere}/${run}`)).toBe(before);
  });

  it("are made by the next run where the host had no power", async () => {
    await site.host("server3").powerCut();
    const events = await backup();
    const run = events.find(([word]) => word === "made")?.[1] ?? "";
    expect(events.filter(([word]) => word === "trouble").map(([, cause, object]) => [cause, object])).toEqual([
      ["copy", "server3"],
      ["copy", "fermilab"],
    ]);
    await site.host("server3").boot();
    const next = (await backup()).find(([word]) => word === "made")?.[1] ?? "";
    const names = (await site.asOwner("server3", `ls "${elsewhere}"`)).trim().split("\n");
    expect(names.slice(-3)).toEqual([run, next, "far"]);
  });
});
