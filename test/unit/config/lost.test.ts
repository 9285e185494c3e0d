import { describe, expect, it } from "vitest";
import { withoutLost } from "../../../config/lost.js";
import { resolveStack } from "../../../config/resolve.js";

type Servers = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

const at = (name: string) => ({ dataDirectory: `/srv/${name}` });
const all = { server2: at("server2"), server3: at("server3"), des10: { ...at("des10"), role: "mirror" } };

function resolved(servers: Servers, primary = "server3", more: Readonly<Record<string, string>> = {}) {
  return resolveStack("site", {
    "pgsite:site": "orders",
    "pgsite:postgresql": "16",
    "pgsite:hosts": '{"server2": "192.0.2.2", "server3": "192.0.2.3", "des10": "192.0.2.10"}',
    "pgsite:primary": primary,
    "pgsite:servers": JSON.stringify(servers),
    "pgsite:password-postgres": "secret",
    "pgsite:password-replicator": "secret",
    ...more,
  });
}

const errors = (...given: Parameters<typeof resolved>) =>
  resolved(...given)
    .problems.filter(({ severity }) => severity === "error")
    .map(({ path, message }) => `${path}: ${message}`);

describe("a server that is declared lost", () => {
  const lost = { ...all, server2: { ...all.server2, lost: true } };

  it("is said to be left alone, and is marked in the site", () => {
    const { stack, problems } = resolved(lost);
    expect(problems).toEqual([
      {
        path: "servers.server2.lost",
        message:
          "server2 is declared lost: it is not contacted, and nothing of it is compared; take that away when it is back",
        severity: "warning",
      },
    ]);
    const { left, lost: gone } = withoutLost(stack?.site.servers ?? []);
    expect(left.map(({ name }) => name)).toEqual(["des10", "server3"]);
    expect(gone).toEqual({ server2: { address: "192.0.2.2", port: 5432, acceptDataLoss: false } });
  });

  it("is known by its slot, which keeps what it will ask for", () => {
    const slot = { ...lost, server2: { ...lost.server2, settings: { primary_slot_name: "two" } } };
    expect(withoutLost(resolved(slot).stack?.site.servers ?? []).lost?.server2?.slot).toBe("two");
  });

  it("leaves the files of all others as they are: they let it replicate when it is back", () => {
    const files = (servers: Servers) => resolved(servers).stack?.site.servers.map((server) => server.files);
    expect(files(lost)).toEqual(files(all));
  });

  it("may be declared in words too, as pulumi config set writes them", () => {
    const { stack } = resolved({ ...all, server2: { ...all.server2, lost: "true", acceptDataLoss: "true" } });
    expect(withoutLost(stack?.site.servers ?? []).lost?.server2?.acceptDataLoss).toBe(true);
  });

  it("is not the declared primary", () => {
    expect(errors(lost, "server2")).toEqual([
      "servers.server2.lost: server2 is the declared primary: declare the server that takes over (primary: server3 or des10)",
    ]);
  });

  it("shares its host with nobody who is left", () => {
    const shared = { ...lost, des10: { ...all.des10, host: "server2", port: 5433 } };
    expect(errors(shared)).toEqual([
      "servers.server2.lost: des10 is on the same host, server2, which is not contacted then: declare des10 lost too, or stop server2 and keep it declared",
    ]);
    expect(errors({ ...shared, des10: { ...shared.des10, lost: true } })).toEqual([]);
  });

  it("is nobody's declared upstream", () => {
    expect(errors({ ...lost, des10: { ...all.des10, upstream: "server2" } })).toEqual([
      "servers.des10.upstream: server2 is declared lost: leave upstream out, and des10 follows server3, or name another server",
    ]);
  });

  it("is not waited for by any commit", () => {
    const synchronous = (text: string) => errors(lost, "server3", { "pgsite:synchronous": text });
    expect(synchronous('{"servers": ["server2", "server3"]}')).toEqual([
      "synchronous.servers: server2 is declared lost, and every commit would wait for it: take it out of the list, or synchronous away while it is gone",
    ]);
    expect(synchronous('{"servers": ["server2", "des10"]}')).toEqual([]);
  });

  it("is what accepting data loss goes with", () => {
    expect(errors({ ...all, server2: { ...all.server2, acceptDataLoss: true } })).toEqual([
      "servers.server2.acceptDataLoss: goes with lost: true; take it away once the failover is done",
    ]);
  });
});
