import { describe, expect, it } from "vitest";
import { resolveStack } from "../../../config/resolve.js";

const folder = "/usr/remote/software/www/html/cfg";

function resolved(more: Readonly<Record<string, unknown>>, primary: string | null = "server2") {
  const described = {
    site: "sispi",
    postgresql: "15",
    ...(primary === null ? { upstream: { server: "server2", dataDirectory: "/data" } } : { primary }),
    hosts: { server2: "192.0.2.2", server3: "2001:db8::3", des10: "192.0.2.10", system1: "192.0.2.50" },
    servers:
      primary === null
        ? { des10: { dataDirectory: "/data", role: "mirror" } }
        : {
            server2: { dataDirectory: "/data" },
            server3: { dataDirectory: "/data", port: 5443 },
            des10: { dataDirectory: "/data", role: "mirror" },
          },
    "password-postgres": "p",
    "password-replicator": "p",
    ...more,
  };
  const raw = Object.entries(described).map(([key, value]) => [
    `pgsite:${key}`,
    typeof value === "string" ? value : JSON.stringify(value),
  ]);
  const { stack, problems } = resolveStack("dev", Object.fromEntries(raw));
  const errors = problems.filter(({ severity }) => severity === "error");
  return { clients: stack?.clients, errors: errors.map(({ path, message }) => `${path}: ${message}`) };
}

describe("clients", () => {
  it("find whoever takes writes by one string and one service, which name no mirror and stay the same", () => {
    const { clients, errors } = resolved({});
    expect(errors).toEqual([]);
    expect(clients?.connectionString).toBe(
      "postgresql://192.0.2.2:5432,[2001:db8::3]:5443/?target_session_attrs=read-write&connect_timeout=3",
    );
    expect(clients?.serviceFile).toBe(
      "[sispi]\nhost=192.0.2.2,2001:db8::3\nport=5432,5443\ntarget_session_attrs=read-write\nconnect_timeout=3\n",
    );
    expect(resolved({}, "server3").clients).toEqual(clients);
  });

  it("insist on who the server is where the site does", () => {
    const tls = { certificates: "made" };
    expect(resolved({ tls }).clients?.connectionString).toMatch(/&sslmode=verify-full$/);
    expect(resolved({ tls: { ...tls, required: false } }).clients?.connectionString).not.toMatch(/sslmode/);
  });

  it("have links to the file for the primary, each as the user that it is said to be", () => {
    const links = [{ host: "system1", user: "codemanager", folder, names: ["des_tv.cfg", "constants.cfg"] }];
    for (const primary of ["server2", "server3"]) {
      expect(resolved({ clients: { links } }, primary).clients?.links).toMatchObject([
        {
          host: { name: "system1", address: "192.0.2.50", user: "codemanager" },
          folder,
          links: { "constants.cfg": `constants.cfg_${primary}`, "des_tv.cfg": `des_tv.cfg_${primary}` },
        },
      ]);
    }
  });

  it.each([
    [
      { links: [{ host: "system2", folder, names: ["a"] }] },
      'clients.links[0].host: the host "system2" has no address: add it to hosts (known: server2, server3, des10, system1)',
    ],
    [
      { links: [1, 2].map(() => ({ host: "system1", folder, names: ["a"] })) },
      `clients.links[1].folder: system1:${folder} is named above already: say there what belongs to it`,
    ],
    [
      { links: [{ host: "system1", folder, names: ["../a", "b"] }] },
      'clients.links[0].names[0]: received "../a"; a file\'s name has no slash and no line break in it',
    ],
    [
      { serviceFiles: [{ host: "system2", path: "/etc/pg_service.conf" }] },
      'clients.serviceFiles[0].host: the host "system2" has no address: add it to hosts (known: server2, server3, des10, system1)',
    ],
  ])("are refused by name: %j", (clients, problem) => {
    expect(resolved({ clients }).errors).toEqual([problem]);
  });

  it("belong to the stack that has the primary", () => {
    expect(resolved({ clients: { hook: "true" } }, null).errors).toEqual([
      "clients: goes with the stack that has the primary: clients follow it from there",
    ]);
  });
});
