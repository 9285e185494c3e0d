import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LocalSite } from "../support/localSite.js";

const psql = ["/usr/bin/psql", "/usr/lib/postgresql/15/bin/psql"].find(existsSync);

describe("clients of a site", { timeout: 120_000 }, () => {
  let site: LocalSite;
  let cfg: string;
  let told: string;
  const links = ["constants.cfg", "-rf $(touch pwned) 'odd' ü.cfg"];

  const declared = (primary: string) => ({
    primary,
    hosts: {
      server2: { address: "127.0.180.2", transport: "local" },
      server3: { address: "127.0.180.3", transport: "local" },
      system1: { address: "127.0.180.9", transport: "local" },
    },
    clients: {
      links: [{ host: "system1", folder: cfg, names: links }],
      serviceFiles: [{ host: "system1", path: join(site.folder, "web", "pg_service.conf") }],
      hook: `printf '%s %s\\n' "$PGSITE_PRIMARY" "$PGSITE_PRIMARY_ADDRESS:$PGSITE_PRIMARY_PORT" >>'${told}'`,
    },
  });
  const targets = () => links.map((name) => readlinkSync(join(cfg, name)));
  const hooks = () => (existsSync(told) ? readFileSync(told, "utf8").trim().split("\n") : []);

  beforeAll(async () => {
    site = await LocalSite.make({ major: "15", block: 180, servers: ["server2", "server3"] });
    cfg = join(site.folder, "web", "cfg");
    told = join(site.folder, "told");
    mkdirSync(cfg, { recursive: true });
    // Whoever runs the servers has the links too.
    if (userInfo().uid === 0) await execa("chown", ["-R", "--reference", site.folder, join(site.folder, "web")]);
    site.declare(declared("server2"));
  }, 60_000);

  afterAll(async () => {
    await site?.remove();
  });

  it("are not led anywhere while a file that a link is to point to is missing, and no link is moved then", async () => {
    writeFileSync(join(cfg, "constants.cfg_server2"), "");
    await expect(site.up()).rejects.toThrow(
      /the links in .*\/cfg on system1: -rf .* is not there, and -rf .* is to point to it: make it; no link was moved/,
    );
    expect(existsSync(join(cfg, "constants.cfg"))).toBe(false);
  });

  it("are led to the primary by links, a service file, a connection string and a command", async () => {
    for (const name of links)
      for (const server of ["server2", "server3"]) writeFileSync(join(cfg, `${name}_${server}`), server);
    await site.up();
    expect(targets()).toEqual(links.map((name) => `${name}_server2`));
    expect(existsSync(join(cfg, "pwned"))).toBe(false);
    expect(hooks()).toEqual(["server2 127.0.180.2:5442"]);
    const outputs = JSON.parse((await site.sandbox.must(["stack", "output", "--json", "--stack", "site"])).stdout);
    expect(outputs.connectionString).toBe(
      "postgresql://127.0.180.2:5442,127.0.180.3:5442/?target_session_attrs=read-write&connect_timeout=3",
    );
    const file = readFileSync(join(site.folder, "web", "pg_service.conf"), "utf8");
    expect(file).toBe(outputs.serviceFile);
    expect(file).toBe(
      "[orders]\nhost=127.0.180.2,127.0.180.3\nport=5442,5442\ntarget_session_attrs=read-write\nconnect_timeout=3\n",
    );
  });

  it("whose links were moved or removed by hand are seen in a preview, and put right", async () => {
    rmSync(join(cfg, "constants.cfg"));
    symlinkSync("constants.cfg_server3", join(cfg, "constants.cfg"));
    expect(await site.preview()).toMatch(
      /the link .*\/constants.cfg on system1 is constants.cfg_server3, declared constants.cfg_server2: install/,
    );
    await site.up();
    expect(targets()).toEqual(links.map((name) => `${name}_server2`));
    expect(hooks()).toHaveLength(1);
  });

  it("follow a switchover, after it", async () => {
    site.declare(declared("server3"));
    const said = await site.preview();
    expect(said).toMatch(
      /the link .*\/constants.cfg on system1 is constants.cfg_server2, declared constants.cfg_server3/,
    );
    await site.up();
    expect(targets()).toEqual(links.map((name) => `${name}_server3`));
    expect(hooks()).toEqual(["server2 127.0.180.2:5442", "server3 127.0.180.3:5442"]);
    expect(await site.preview()).toMatch(/Resources:\n {4}\d+ unchanged\n/);
  });

  it.skipIf(psql === undefined)("reach whoever takes writes by the service of the site (psql)", async () => {
    const env = {
      PGSERVICEFILE: join(site.folder, "web", "pg_service.conf"),
      PGPASSWORD: site.passwords.postgres ?? "",
    };
    const asked = [
      "-X",
      "-A",
      "-t",
      "-c",
      "select inet_server_addr(), pg_is_in_recovery()",
      "service=orders user=postgres dbname=postgres",
    ];
    const { stdout } = await promisify(execFile)(psql as string, asked, { env });
    expect(stdout.trim()).toBe("127.0.180.3|f");
  });
});
