import { lstatSync, mkdtempSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LocalSite } from "../support/localSite.js";
import { Plants, whyNoPlants } from "../support/planted.js";

const why = whyNoPlants();
let keep: string;
let site: LocalSite;
let plants: Plants;
let paths: readonly string[];

/** Of those that a server's own programs never open: the server goes on, whatever is planted there. */
const isOfPgsite = (path: string) =>
  /\/server3\/data\.pgsite\/./.test(path) || /\/server3\/data\/(recovery\.|pgsite|backup_label)/.test(path);
const isFile = (path: string) => lstatSync(path, { throwIfNoEntry: false })?.isDirectory() !== true;

/** What plants at once in all of these places does to a run; everything is as before in the end. */
async function planted<T>(
  places: readonly string[],
  kind: Parameters<Plants["plant"]>[1],
  act: () => Promise<T>,
): Promise<T> {
  const undo = [];
  // Those in a folder before the folder itself.
  for (const path of [...places].reverse()) undo.unshift(await plants.plant(path, kind));
  try {
    return await act();
  } finally {
    for (const back of undo) await back();
  }
}

async function timed<T>(act: () => Promise<T>): Promise<{ readonly took: number; readonly result: T }> {
  const began = Date.now();
  const result = await act();
  return { took: Date.now() - began, result };
}

const run = async (args: readonly string[]) => {
  const { code, stdout, stderr } = await site.sandbox.run([...args, "--stack", "site"], { seconds: 90 });
  return { code, said: (stdout + stderr).replace(/\s+/g, " ") };
};
const preview = () => run(["preview", "--diff"]);
const up = () => run(["up", "--yes", "--skip-preview"]);

describe.skipIf(why !== undefined)(
  `where root runs pgsite, what the servers' user plants${why ? ` (${why})` : ""}`,
  { timeout: 180_000 },
  () => {
    beforeAll(async () => {
      keep = mkdtempSync("/var/tmp/pgsite-keep-");
      site = await LocalSite.make({ major: "15", block: 241 });
      plants = await Plants.make(site, keep);
      paths = await plants.tracedUp();
    }, 180_000);

    afterAll(async () => {
      await site?.remove();
      rmSync(keep, { recursive: true, force: true });
    });

    it("is planted where an `up` really goes", () => {
      const names = paths.map((path) => path.slice(site.folder.length));
      for (const server of ["/server2", "/server3"]) {
        for (const path of [
          "/data",
          "/data.pgsite",
          "/data.pgsite/identity.json",
          "/data.pgsite/staged",
          "/data.pgsite/runbook/guard",
        ])
          expect(names).toContain(`${server}${path}`);
        expect(names).toContain(`${server}/data/postgresql.conf`);
      }
      expect(paths.length).toBeGreaterThan(80);
    });

    it("empties no folder of root's, and puts nothing into one, by links in the control directory", async () => {
      const control = site.controlDirectory("server3");
      const places = [join(control, "staged"), join(control, "runbook")];
      site.declare({ settings: { work_mem: "5MB" } });
      const { code, said } = await planted(places, "link to a folder", up);
      expect(plants.changes().now).toBe(plants.changes().before);
      expect([code, said]).toEqual([
        expect.not.stringMatching(/^0$/),
        expect.stringMatching(/\/server3\/data\.pgsite\/(staged|runbook)\/\S+.*[Pp]ermission denied/),
      ]);
      expect((await up()).code).toBe(0);
    });

    it("is no file that a preview waits for: FIFOs in all places at once are said by name", async () => {
      const places = paths.filter((path) => isOfPgsite(path) && isFile(path));
      expect(places.map((path) => basename(path))).toEqual(
        expect.arrayContaining(["passfile", "identity.json", "lock", "start.log", "guard"]),
      );
      const { took, result } = await timed(() => planted(places, "FIFO", preview));
      // Pulumi ends a preview with the first reads that fail: whose, differs.
      const said = /reading (\S+) on (?:server3|server2): a FIFO stands there in place of a file/g;
      const named = [...result.said.matchAll(said)].map(([, path = ""]) => path);
      expect(named.length).toBeGreaterThan(0);
      expect(places).toEqual(expect.arrayContaining(named));
      expect(took).toBeLessThan(30_000);
    });

    it("gives nothing of root's away by links to it in all places at once", async () => {
      const places = paths.filter((path) => isOfPgsite(path) && isFile(path));
      const { said } = await planted(places, "link to a file", preview);
      expect(plants.changes().now).toBe(plants.changes().before);
      expect(said).not.toContain("root's shadow");
      const path = join(site.controlDirectory("server3"), "identity.json");
      expect(said).toMatch(new RegExp(`reading ${path} on server3: .*Permission denied`));
      site.declare({ settings: { work_mem: "6MB" } });
      const changed = await planted(places, "link to a file", up);
      expect(plants.changes().now).toBe(plants.changes().before);
      expect([changed.code === 0, changed.said]).toEqual([
        false,
        expect.stringMatching(/\/server3\/.*Permission denied/),
      ]);
      expect((await up()).code).toBe(0);
    });
  },
);
