import { describe, expect, it } from "vitest";
import { resolveStack } from "../../../config/resolve.js";

const server = (dataDirectory: string, more: object = {}) => ({ dataDirectory, ...more });

/** What is wrong with a stack of such hosts and servers. */
function problemsOf(hosts: object, servers: object): readonly string[] {
  const raw = {
    "pgsite:site": "orders",
    "pgsite:postgresql": "15",
    "pgsite:hosts": JSON.stringify(hosts),
    "pgsite:primary": Object.keys(servers)[0] ?? "",
    "pgsite:servers": JSON.stringify(servers),
    "pgsite:password-postgres": "p",
    "pgsite:password-replicator": "p",
  };
  const { problems } = resolveStack("dev", raw);
  return problems.filter(({ severity }) => severity === "error").map(({ path, message }) => `${path}: ${message}`);
}

const made = (address: string, more: object = {}) => ({ address, container: { image: "postgres:15", ...more } });
const two = { db1: server("/srv/postgresql/orders"), db2: server("/srv/postgresql/orders") };

describe("containers of a stack file", () => {
  it("are taken with an image and an address each", () => {
    expect(problemsOf({ db1: made("172.28.5.11"), db2: made("172.28.5.12") }, two)).toEqual([]);
    expect(problemsOf({ db1: { address: "10.0.0.1", container: { name: "my-db" } }, db2: "10.0.0.2" }, two)).toEqual(
      [],
    );
  });

  it.each([
    ["db2", 'hosts.db2.address: received "db2"; a container that the stack makes has an IPv4 address, free to choose'],
    [
      "172.28.5.255",
      'hosts.db2.address: received "172.28.5.255"; Docker keeps .0, .1 and .255 for itself: allowed are .2 to .254',
    ],
    ["172.28.5.1", /Docker keeps/],
    ["172.28.5.11", 'hosts.db2.address: received "172.28.5.11"; another container has it already'],
    [
      "172.28.6.12",
      'hosts.db2.address: received "172.28.6.12"; the site\'s containers are in one network: begin it with 172.28.5.',
    ],
  ])("are refused with the address %s", (address, message) => {
    const found = problemsOf({ db1: made("172.28.5.11"), db2: made(address) }, two);
    expect(found).toContainEqual(typeof message === "string" ? message : expect.stringMatching(message));
  });

  it("are refused where data would not lie on the volume", () => {
    const hosts = { db1: made("172.28.5.11") };
    const both = { db1: server("/srv/a/data"), db2: server("/srv/b/data", { host: "db1", port: 5433 }) };
    expect(problemsOf(hosts, both)).toEqual([
      "hosts.db1.container.volume: is missing: data directories on db1 lie in /srv/a, /srv/b; name the folder that holds them all",
    ]);
    expect(problemsOf({ db1: made("172.28.5.11", { volume: "/srv" }) }, both)).toEqual([]);
    expect(problemsOf({ db1: made("172.28.5.11", { volume: "/srv/a" }) }, both)).toEqual([
      "servers.db2.dataDirectory: lies outside of /srv/a, the container's volume, and would be lost with the container",
    ]);
    expect(problemsOf(hosts, { db1: server("/data") })).toEqual([
      'hosts.db1.container.volume: received "/"; a volume cannot take the place of the whole container',
    ]);
    expect(problemsOf(hosts, { db1: server("/a:b/data") })).toEqual([
      'hosts.db1.container.volume: received "/a:b"; Docker takes no : in the folder of a volume',
    ]);
  });

  it("are refused where one says two things at once, or nothing", () => {
    const one = { db1: server("/srv/postgresql/orders") };
    const of = (host: object) => problemsOf({ db1: { address: "172.28.5.11", ...host } }, one);
    expect(of({ container: {} })).toEqual([
      "hosts.db1.container.name: is missing; name a container that is there, or give the image from which the stack makes one",
    ]);
    expect(of({ container: { name: "db", volume: "/srv" } })).toEqual([
      'hosts.db1.container.volume: received "/srv"; a container that is there has its volumes already: take volume away, or name an image to make one from',
    ]);
    expect(of({ container: { name: "db" }, transport: "local" })).toEqual([
      'hosts.db1.transport: received "local"; says that the host is this machine, and container: that it is a container: take one of them away',
    ]);
    expect(of({ container: { name: "db" }, login: "root" })).toEqual([
      'hosts.db1.login: received "root"; says how to reach a host over SSH, and container: says that it is one: take one of them away',
    ]);
    expect(of({ container: { name: "-db" } })).toHaveLength(1);
    expect(of({ container: { image: "--privileged", name: "my-db" } })).toHaveLength(1);
  });

  it("are made for hosts of servers only", () => {
    expect(problemsOf({ db1: "10.0.0.1", other: made("172.28.5.11") }, { db1: server("/srv/a") })).toEqual([
      "hosts.other.container.image: no server of this stack is on it, so the stack makes no container: name one that is there (container.name)",
    ]);
  });
});
