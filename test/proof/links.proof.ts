import { lstatSync, mkdtempSync, rmSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LocalSite } from "../support/localSite.js";
import { type PlantKind, Plants, whyNoPlants } from "../support/planted.js";

/**
 * Each path that a traced `up` touches, one after the other, taken by a link and by a FIFO: a preview and an `up` each.
 * `PLANTS=40 npm run proof -- links` takes every so manyth of them; `RUNS=preview` leaves the `up`s out, which take most of
 * the time; `SHARD=0/2` takes every second one, so that two may run at once.
 */
const why = whyNoPlants();
const [shard = 0, shards = 1] = (process.env.SHARD ?? "0/1").split("/").map(Number);
/** Seconds that any run may take: a start that fails is waited for. */
const patience = 100;
let keep: string;
let site: LocalSite;
let plants: Plants;
let paths: readonly string[];

const run = async (args: readonly string[]) => {
  const began = Date.now();
  const { code, stdout, stderr } = await site.sandbox.run([...args, "--stack", "site"], { seconds: patience });
  return { code, said: stdout + stderr, took: (Date.now() - began) / 1000 };
};
const preview = () => run(["preview", "--diff"]);
const up = () => run(["up", "--yes", "--skip-preview"]);

describe.skipIf(why !== undefined)(`what the servers' user plants${why ? ` (${why})` : ""}`, () => {
  beforeAll(async () => {
    keep = mkdtempSync("/var/tmp/pgsite-keep-");
    site = await LocalSite.make({ major: "15", block: 242 + shard });
    plants = await Plants.make(site, keep);
    paths = await plants.tracedUp();
  }, 300_000);

  afterAll(async () => {
    await site?.remove();
    rmSync(keep, { recursive: true, force: true });
  });

  it("changes nothing of root's, keeps nobody waiting, and is said by name", { timeout: 4 * 3600_000 }, async () => {
    const all = paths.flatMap((path) => {
      const isFolder = lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
      const link: PlantKind = isFolder ? "link to a folder" : "link to a file";
      return [link, "FIFO" as const].map((kind) => ({ path, kind }));
    });
    const each = Math.max(1, Math.floor(all.length / Number(process.env.PLANTS ?? all.length)));
    const chosen = all.filter((_, index) => index % each === 0).filter((_, index) => index % shards === shard);
    const runs = process.env.RUNS === "preview" ? { preview } : { preview, up };
    const wrong: string[] = [];
    const figures = { plants: 0, went: 0, refused: 0, slowest: 0 };
    for (const [index, { path, kind }] of chosen.entries()) {
      const here = `${kind} at ${path.slice(site.folder.length)}`;
      const back = await plants.plant(path, kind);
      // Something for the rollout to do.
      site.declare({ settings: { work_mem: `${5 + (index % 7)}MB` } });
      for (const [name, act] of Object.entries(runs)) {
        const { code, said, took } = await act();
        figures.slowest = Math.max(figures.slowest, took);
        figures[code === 0 ? "went" : "refused"] += 1;
        if (took >= patience) wrong.push(`${here}: ${name} took ${took} s`);
        if (said.includes("root's ")) wrong.push(`${here}: ${name} shows what is root's`);
        if (code !== 0 && !/server[23]/.test(said)) wrong.push(`${here}: ${name} does not say where:\n${said}`);
        const { before, now } = plants.changes();
        if (now !== before) throw new Error(`${here}: ${name} changed what is root's:\n${before}\nis now\n${now}`);
      }
      figures.plants += 1;
      await back();
      const after = "up" in runs ? await up() : undefined;
      if (after !== undefined && after.code !== 0) wrong.push(`${here}: taken away, and up fails:\n${after.said}`);
      console.log(`${index + 1}/${chosen.length} ${here}`, JSON.stringify(figures));
    }
    expect(wrong).toEqual([]);
    expect((await up()).code).toBe(0);
    expect((await preview()).said).not.toMatch(/to (create|update|delete)/);
  });
});
