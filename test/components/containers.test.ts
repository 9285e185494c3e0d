import { version } from "@pulumi/docker/package.json";
import { beforeAll, describe, expect, it } from "vitest";
import { firstProcess } from "../../installed/service/container.js";
import { committed, graphOf, type Registered } from "../support/graph.js";

/** The stack of CTIO on a developer's machine: its hosts are containers. */
const onALaptop = (changes: Record<string, string> = {}) =>
  committed("ctio", {
    "pgsite:postgresql": "15",
    "pgsite:binaries": "/usr/lib/postgresql/15/bin",
    "pgsite:disposable": "true",
    "pgsite:hosts": JSON.stringify({
      server2: { address: "172.28.5.12", container: { image: "postgres:15" } },
      server3: { address: "172.28.5.13", container: { image: "postgres:15", name: "the-standby", volume: "/raid3" } },
      des10: "192.0.2.10",
      "decam-dev-client": "192.0.2.20",
      system1: "192.0.2.30",
    }),
    ...changes,
  });

describe("a stack whose hosts are containers", () => {
  let graph: readonly Registered[];
  let kept: readonly Registered[];
  let plain: readonly Registered[];

  beforeAll(async () => {
    graph = await graphOf("ctio", onALaptop());
    kept = await graphOf("ctio", onALaptop({ "pgsite:disposable": "false" }));
    plain = await graphOf("ctio", committed("ctio"));
  });

  const docker = (of: readonly Registered[]) => of.filter(({ type }) => type.startsWith("docker:"));
  const named = (name: string) => graph.find((one) => one.name === name) as Registered;
  /** The host of a resource, which travels as one JSON text (`packed`). */
  const hostOf = (name: string, of = graph) => JSON.parse(of.find((one) => one.name === name)?.inputs.host as string);

  it("makes a network, an image, and of each host a volume and a container, as children of the site", () => {
    const shapes = docker(graph).map(({ type, name, parent, dependsOn }) => ({ type, name, parent, dependsOn }));
    expect(shapes.sort((one, other) => (one.type + one.name < other.type + other.name ? -1 : 1))).toEqual([
      {
        type: "docker:index/container:Container",
        name: "server2-container",
        parent: "sispi",
        dependsOn: ["postgres:15", "server2-volume", "sispi-ctio"],
      },
      {
        type: "docker:index/container:Container",
        name: "server3-container",
        parent: "sispi",
        dependsOn: ["postgres:15", "server3-volume", "sispi-ctio"],
      },
      { type: "docker:index/network:Network", name: "sispi-ctio", parent: "sispi", dependsOn: [] },
      { type: "docker:index/remoteImage:RemoteImage", name: "postgres:15", parent: "sispi", dependsOn: [] },
      { type: "docker:index/volume:Volume", name: "server2-volume", parent: "sispi", dependsOn: [] },
      { type: "docker:index/volume:Volume", name: "server3-volume", parent: "sispi", dependsOn: [] },
    ]);
    expect(new Set(docker(graph).map((one) => one.version))).toEqual(new Set([version]));
  });

  it("gives them the addresses and names of the stack file, and volumes for the data", () => {
    expect(named("sispi-ctio").inputs).toEqual({
      name: "sispi-ctio",
      driver: "bridge",
      ipamConfigs: [{ subnet: "172.28.5.0/24", gateway: "172.28.5.1" }],
    });
    expect(named("postgres:15").inputs).toEqual({ name: "postgres:15", keepLocally: true });
    expect(named("server3-volume").inputs).toEqual({ name: "the-standby" });
    const facts = {
      osUser: "postgres",
      folder: "/raid2/database",
      dataDirectories: ["/raid2/database/sispi_db"],
      services: ["postgresql"],
    };
    const [program, ...args] = firstProcess(facts);
    expect(named("server2-container").inputs).toEqual({
      name: "sispi-ctio-server2",
      hostname: "server2",
      image: "sha256:postgres:15",
      entrypoints: [program],
      command: args,
      user: "root",
      restart: "unless-stopped",
      mustRun: false,
      shmSize: 256,
      stopTimeout: 120,
      destroyGraceSeconds: 120,
      networksAdvanced: [{ name: "sispi-ctio", ipv4Address: "172.28.5.12", aliases: ["server2"] }],
      volumes: [{ volumeName: "sispi-ctio-server2", containerPath: "/raid2/database" }],
    });
    expect(named("server3-container").inputs.volumes).toEqual([{ volumeName: "the-standby", containerPath: "/raid3" }]);
  });

  it("looks at no host and makes no server before its containers stand", () => {
    expect(named("sispi-preflight").dependsOn).toEqual(["server2-container", "server3-container"]);
    expect(named("server2-directory").dependsOn).toEqual(["server2-container", "sispi-preflight", "sispi-upgrade"]);
    expect(named("server3-directory").dependsOn).toEqual(["server3-container", "sispi-preflight", "sispi-upgrade"]);
  });

  it("puts the service in, and starts the server, anew in a container that is made anew", () => {
    expect(named("server2-service").inputs.container).toBe("server2-container");
    expect(named("server2-start").inputs.environment).toEqual({
      PGSITE_STACK: "ctio",
      PGSITE_SERVER: "server2",
      PGSITE_CONTAINER: "server2-container",
    });
    expect(Object.keys(named("server2-data").inputs.environment as object)).not.toContain("PGSITE_CONTAINER");
  });

  it("reaches its servers by Docker, and lets the administrator in from the network's gateway", () => {
    expect(hostOf("server2-directory")).toEqual({
      name: "server2",
      transport: "docker",
      container: { name: "sispi-ctio-server2", made: true },
      address: "172.28.5.12",
      user: "postgres",
    });
    const files = named("server3-configuration").inputs.files as Record<string, string>;
    expect(files["pg_hba.conf"]).toMatch(/^host\s+all\s+dbadmin\s+172\.28\.5\.1\/32\s+md5$/m);
  });

  it("leaves containers, volumes and network where they are, unless the data is disposable", () => {
    const held = (of: readonly Registered[]) =>
      docker(of)
        .filter(({ type }) => !type.includes("Image"))
        .map((one) => [one.retainOnDelete, one.deleteBeforeReplace]);
    expect(held(kept)).toEqual(held(kept).map(() => [true, true]));
    expect(held(graph)).toEqual(held(kept).map(() => [false, true]));
  });

  it("registers nothing of Docker's where no container is to be made", () => {
    expect(docker(plain)).toEqual([]);
  });

  it("makes nothing of a container that is named alone: it is there already", async () => {
    const there = (name: string) => ({ address: "172.28.5.9", container: { name } });
    const others = { des10: "192.0.2.10", "decam-dev-client": "::1", system1: "::2" };
    const hosts = { server2: there("db-1"), server3: there("db-2"), ...others };
    const found = await graphOf("ctio", onALaptop({ "pgsite:hosts": JSON.stringify(hosts) }));
    expect(docker(found)).toEqual([]);
    expect(found.filter(({ type }) => type === "pgsite:index:Service")).toEqual([]);
    expect(hostOf("server3-directory", found)).toMatchObject({
      transport: "docker",
      container: { name: "db-2", made: false },
    });
  });
});
