import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { rawConfiguration } from "../../../cli/rehearsal/stackFiles.js";
import { resolveStack } from "../../../config/resolve.js";

const checkout = join(import.meta.dirname, "..", "..", "..");

function rehearsed(stack: string, postgresql = "10") {
  const raw = rawConfiguration(readFileSync(join(checkout, `Pulumi.${stack}.yaml`), "utf8"));
  const rehearsal = {
    folder: "/var/tmp/r/hosts",
    osUser: "nobody",
    addresses: { server2: "127.0.0.2", server3: "127.0.0.3", des10: "127.0.0.4" },
    postgresql,
    binaries: "/opt/pg/bin",
  };
  const { stack: resolved, problems } = resolveStack(stack, { ...raw, "pgsite:rehearsal": JSON.stringify(rehearsal) });
  expect(problems.filter(({ severity }) => severity === "error")).toEqual([]);
  const server = (name: string) => {
    const found = resolved?.site.servers.find((candidate) => candidate.name === name);
    if (found === undefined) throw new Error(`no server ${name}`);
    return found;
  };
  return { site: resolved?.site, server };
}

describe("a rehearsal of the real stacks", () => {
  it("keeps ports, and gives each host an address of this machine and a folder", () => {
    const { server } = rehearsed("ctio");
    expect(server("server3")).toMatchObject({
      address: "127.0.0.3",
      port: 5442,
      dataDirectory: "/var/tmp/r/hosts/server3/raid3/database/sispi_db",
      binDirectory: "/opt/pg/bin",
      host: { transport: "local", user: "nobody" },
      disposable: true,
    });
    expect(server("server3").settings).toMatchObject({
      listen_addresses: "127.0.0.3",
      unix_socket_directories: "/var/tmp/r/hosts/server3/run",
      max_connections: "400",
    });
  });

  it("moves every path into the host's folder, the trigger file too", () => {
    expect(rehearsed("ctio").server("server3").files["recovery.conf"]).toContain(
      "trigger_file = '/var/tmp/r/hosts/server3/raid3/database/failover_trigger'",
    );
  });

  it("lets connections in from where they come from on one machine, 127.0.0.1, each rule once", () => {
    const rules = rehearsed("ctio").server("server2").files["pg_hba.conf"]?.split("\n").slice(3);
    expect(rules?.map((line) => line.replace(/\s+/g, " "))).toEqual([
      "local all postgres peer",
      "host all dbadmin 127.0.0.1/32 md5",
      "host all all 127.0.0.1/32 md5",
      "host decam_dev dbadmin 127.0.0.1/32 md5",
      "host replication dbadmin 127.0.0.1/32 md5",
      "",
    ]);
  });

  it("sends the mirror to where the other stack's rehearsal has its primary", () => {
    const { site, server } = rehearsed("fnal");
    expect(site?.upstream).toMatchObject({
      address: "127.0.0.2",
      dataDirectory: "/var/tmp/r/hosts/server2/raid2/database/sispi_db",
    });
    expect(server("des10").files["recovery.conf"]).toContain("host=127.0.0.2 port=5442");
  });

  it("speaks the language of the version that it rehearses", () => {
    expect(rehearsed("ctio", "9.6").server("server3").settings.wal_keep_segments).toBe("64");
    const { server } = rehearsed("ctio", "17");
    expect(server("server3").settings).toMatchObject({ wal_keep_size: "1024MB", wal_level: "replica" });
    expect(server("server3").files["standby.signal"]).toBe("");
  });
});
