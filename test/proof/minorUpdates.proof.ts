import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isOlder, releaseOf } from "../../postgres/minor.js";
import { DistributionSite } from "../support/distributionSite.js";
import { whyNoHosts } from "../support/multihost.js";

const packages = ["postgresql-15", "postgresql-client-15"];

/** Versions that the package sources of this machine have, newest first. */
function versions(): readonly string[] {
  const text = execFileSync("apt-cache", ["madison", packages[0] as string], { encoding: "utf8" });
  return [...new Set(text.split("\n").flatMap((line) => line.split("|")[1]?.trim() || []))];
}

const known = whyNoHosts() === undefined ? versions() : [];
const [newest = "", older = ""] = [
  known[0],
  known.find((one) => isOlder(releaseOf(one) ?? "", releaseOf(known[0] ?? "") ?? "")),
];
const why = whyNoHosts() ?? (older === "" ? "the package sources have one minor version alone" : undefined);
const short = (version: string) => releaseOf(version) ?? "";

/** Two hosts whose packages get a newer minor version, as a distribution publishes one. */
describe.skipIf(why !== undefined)(`a minor version by packages${why ? ` (${why})` : ""}`, { timeout: 300_000 }, () => {
  let site: DistributionSite;
  let folder: string;

  beforeAll(async () => {
    folder = mkdtempSync("/var/tmp/pgsite-debs-");
    const wanted = [older, newest].flatMap((version) => packages.map((name) => `${name}=${version}`));
    execFileSync("apt-get", ["-q", "download", ...wanted], { cwd: folder, stdio: "pipe", timeout: 240_000 });
    execFileSync("chmod", ["-R", "a+rX", folder]);
    const files = (version: string) =>
      readdirSync(folder)
        .filter((name) => name.includes(version.replace(":", "%3a")))
        .map((name) => join(folder, name))
        .join(" ");
    expect(files(older).split(" ")).toHaveLength(2);
    // Its sources know the older one alone; the newer is in apt's own cache, since these hosts have no way to a mirror.
    const prepare = `rm -rf /etc/postgresql/* /var/lib/postgresql/15/main* /etc/systemd/system/postgresql.service
systemctl daemon-reload
dpkg --force-downgrade -i ${files(older)} >/dev/null
cp ${files(newest)} /var/cache/apt/archives/
mv /var/lib/apt/lists /var/lib/apt/lists.later && mkdir -p /var/lib/apt/lists/partial
install -d -o postgres -m 0700 /srv/pg`;
    const server = { dataDirectory: "/srv/pg/data" };
    site = await DistributionSite.make({
      stackFile: { install: "packages", servers: { one: server, two: server } },
      init: "systemd",
      prepare,
    });
    await site.up();
  }, 400_000);

  afterAll(async () => {
    await site?.remove();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  }, 60_000);

  const version = (server: string) =>
    site.query(server, "select split_part(current_setting('server_version'), ' ', 1)");
  const started = async (server: string) =>
    Number(await site.query(server, "select extract(epoch from pg_postmaster_start_time())"));
  const published = (server: string) =>
    site
      .host(server)
      .must(["sh", "-ec", "rm -rf /var/lib/apt/lists && mv /var/lib/apt/lists.later /var/lib/apt/lists"]);

  it("that nobody has published yet is nothing to speak of", async () => {
    expect([await version("one"), await version("two")]).toEqual([short(older), short(older)]);
    expect(await site.preview()).toMatch(/Resources:\n {4}\d+ unchanged\n/);
  });

  it("is warned of where it is declared, and not to be had", async () => {
    site.declare({ postgresql: short(newest) });
    const said = await site.preview();
    console.log(
      said
        .split("\n")
        .filter((line) => line.includes("declared"))
        .join("\n"),
    );
    expect(said).toMatch(
      new RegExp(`one: postgresql-15 ${short(older)}\\S+, declared ${short(newest)}; .*no newer one`),
    );
    // Without install: packages it is the administrator's.
    site.declare({ postgresql: short(newest), install: "nothing" });
    const byHand = await site.preview();
    expect(byHand).toMatch(/two: its packages are older than declared: postgresql-15 .*apt-get install postgresql-15/);
    site.declare({});
  });

  it("is told by the preview, installed and brought into force by one up, the standby first", async () => {
    await Promise.all(["one", "two"].map(published));
    const said = await site.preview();
    console.log(said);
    expect(said).toContain(`postgresql-15 ${older} → ${newest}`);
    expect(said).toMatch(/1\. two: restart[\s\S]*2\. one: restart/);
    expect([await version("one"), await version("two")]).toEqual([short(older), short(older)]);
    const before = [await started("one"), await started("two")];

    console.log(await site.up());
    expect([await version("one"), await version("two")]).toEqual([short(newest), short(newest)]);
    const [one, two] = [await started("one"), await started("two")];
    expect(one).toBeGreaterThan(two);
    expect(two).toBeGreaterThan(Math.max(...before));
    expect(await site.query("one", "select state from pg_stat_replication")).toBe("streaming");
    expect(await site.preview()).toMatch(/Resources:\n {4}\d+ unchanged\n/);
  });
});
