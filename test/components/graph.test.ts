import { beforeAll, describe, expect, it } from "vitest";
import { authority, committed, graphOf, password, type Registered } from "../support/graph.js";

const graphs: Record<string, readonly Registered[]> = {};

beforeAll(async () => {
  graphs.before = await graphOf("ctio", committed("ctio"));
  graphs.after = await graphOf("ctio", committed("ctio", { "pgsite:primary": "server3" }));
  graphs.tls = await graphOf("ctio", committed("ctio", { "pgsite:tls": '{"certificates":"made"}' }));
  graphs.mirror = await graphOf("fnal", committed("fnal"));
  graphs.alone = await graphOf("momentum", committed("momentum"));
});

const graph = (name: string) => graphs[name] ?? [];
const childrenOf = (name: string, server: string) =>
  graph(name)
    .filter(({ parent }) => parent === server)
    .map((child) => `${child.type} ${child.name}`);
const commands = (name: string) => graph(name).filter(({ type }) => type === "command:local:Command");

describe("the resources of a stack", () => {
  it("make every server of one type token, whatever its role", () => {
    const named = (name: string) => graph(name).filter((one) => /^(server2|server3|des10)$/.test(one.name));
    expect(named("before").map(({ name }) => name)).toEqual(["server2", "server3"]);
    expect(named("after").map(({ name }) => name)).toEqual(["server3", "server2"]);
    expect(named("mirror").map(({ name }) => name)).toEqual(["des10"]);
    for (const name of ["before", "after", "mirror"]) {
      for (const { type, parent } of named(name))
        expect({ type, parent }).toEqual({ type: "pgsite:index:Server", parent: "sispi" });
    }
  });

  it("give a primary, a standby and a mirror the same children", () => {
    const expected = (server: string) => [
      `pgsite:index:DataDirectory ${server}-directory`,
      `command:local:Command ${server}-data`,
      `pgsite:index:HostFile ${server}-passfile`,
      `pgsite:index:ServerConfiguration ${server}-configuration`,
      `pgsite:index:Service ${server}-service`,
      `command:local:Command ${server}-start`,
    ];
    for (const name of ["before", "after"]) {
      for (const server of ["server2", "server3"])
        expect(childrenOf(name, server).sort()).toEqual(expected(server).sort());
    }
    expect(childrenOf("mirror", "des10").sort()).toEqual(expected("des10").sort());
  });

  it("give a standalone server the same children, and its stack no role that replicates", () => {
    const types = (name: string, server: string) => childrenOf(name, server).map((child) => child.replace(server, "X"));
    expect(types("alone", "msyspg")).toEqual(types("before", "server2"));
    const roles = graph("alone").filter(({ type }) => type === "pgsite:index:Role");
    expect(roles.map(({ name }) => name).sort()).toEqual(["ecuser", "msyspg"]);
    expect(roles.filter(({ inputs }) => inputs.replication === true)).toEqual([]);
    const [webconsole] = graph("alone").filter(({ type }) => type === "pgsite:index:Schema");
    expect(webconsole).toMatchObject({ name: "ecelerity.webconsole", parent: "sispi" });
    expect(webconsole?.inputs).toMatchObject({ name: "webconsole", database: "ecelerity", owner: "ecuser" });
    expect(webconsole?.dependsOn).toEqual(expect.arrayContaining(["ecuser", "ecelerity"]));
    const [directory] = graph("alone").filter(({ type }) => type === "pgsite:index:DataDirectory");
    expect(directory?.inputs.stack).toBe("momentum");
  });

  it("keep the password in a program's file a secret", () => {
    const [file] = graph("alone").filter(({ name }) => name.endsWith("-ecdb.ini"));
    expect(file?.dependsOn).toEqual(["momentum-rollout"]);
    const line = `password = "${password}"`;
    expect(file?.inputs.content).toMatchObject({ value: expect.stringContaining(line) });
    expect(JSON.stringify({ ...file?.inputs, content: "" })).not.toContain(password);
  });

  it("have the same names, types and parents after the primary has changed", () => {
    const shape = (name: string) =>
      graph(name)
        .map(({ type, name: resource, parent }) => `${parent} > ${type} ${resource}`)
        .sort();
    expect(shape("after")).toEqual(shape("before"));
  });

  it("run commands that are told the server's name, and nothing that a change of role or place changes", () => {
    for (const name of ["before", "after", "mirror"]) {
      for (const { name: command, inputs } of commands(name)) {
        const server = command.replace(/-(data|start)$/, "");
        const environment = { PGSITE_STACK: name === "mirror" ? "fnal" : "ctio", PGSITE_SERVER: server };
        expect(inputs).toEqual(
          command.endsWith("-data")
            ? {
                create: "exec node pgsite.js seed",
                environment: { ...environment, PGSITE_INCARNATION: "1" },
                addPreviousOutputInEnv: false,
              }
            : { create: "exec node pgsite.js start", environment, addPreviousOutputInEnv: false },
        );
        expect(JSON.stringify(inputs)).not.toMatch(/primary|standby|mirror|upstream|"\/|\s\/|password/i);
      }
    }
    const inputsOf = (name: string) => new Map(commands(name).map(({ name: command, inputs }) => [command, inputs]));
    expect(inputsOf("after")).toEqual(inputsOf("before"));
  });

  it("lead the web viewers to the primary once the rollout has made it that, and by their links alone", () => {
    const of = (name: string) => graph(name).filter(({ type }) => type === "pgsite:index:WebViewers");
    const [before] = of("before");
    const [after] = of("after");
    expect(before).toMatchObject({ name: "sispi-viewers", parent: "sispi", dependsOn: ["sispi-rollout"] });
    const cfg = "/usr/remote/software/www/html/cfg/constants.cfg";
    const linked = (one: typeof before) => (one?.inputs.links as Record<string, string> | undefined)?.[cfg];
    expect([linked(before), linked(after)]).toEqual(["constants.cfg_server2", "constants.cfg_server3"]);
    expect({ ...(after?.inputs ?? {}), links: {} }).toEqual({ ...(before?.inputs ?? {}), links: {} });
    expect(of("mirror")).toEqual([]);
  });

  it("need no alias for a server that changes its role", () => {
    expect([...graph("before"), ...graph("after"), ...graph("mirror")].filter(({ aliases }) => aliases > 0)).toEqual(
      [],
    );
  });

  it("hand the password to the engine as a secret alone, and to no command", () => {
    const secret = "4dabf18193072939515e22adb298388d";
    for (const name of ["before", "mirror"]) {
      const text = JSON.stringify(graph(name).map(({ inputs }) => inputs));
      expect(text).toContain(password);
      const outside = JSON.stringify(
        graph(name).map(({ inputs }) => inputs),
        (_key, value) => (typeof value === "object" && value !== null && secret in value ? "a secret" : value),
      );
      expect(outside).not.toContain(password);
      expect(JSON.stringify(commands(name))).not.toContain(password);
    }
  });

  it("touch no host before the hosts of all servers have been looked at", () => {
    for (const name of ["before", "after", "mirror"]) {
      const directories = graph(name).filter(({ type }) => type === "pgsite:index:DataDirectory");
      expect(directories.map(({ dependsOn }) => dependsOn)).toEqual(
        directories.map(() => ["sispi-preflight", "sispi-upgrade"]),
      );
    }
  });

  it("ask the same of the hosts after the primary has changed", () => {
    const asked = (name: string) => graph(name).find(({ type }) => type === "pgsite:index:Preflight")?.inputs;
    expect(asked("before")).toBeDefined();
    expect(asked("after")).toEqual(asked("before"));
  });

  it("seed a standby after the server that it follows, in either order", () => {
    const dataOf = (name: string, server: string) =>
      graph(name).find((one) => one.name === `${server}-data`)?.dependsOn;
    expect(dataOf("before", "server3")).toContain("server2-start");
    expect(dataOf("before", "server2")).not.toContain("server3-start");
    expect(dataOf("after", "server2")).toContain("server3-start");
    expect(dataOf("after", "server3")).not.toContain("server2-start");
  });

  it("have with TLS one authority, and of every server its certificate before it starts, after what it verifies others by", () => {
    const named = (name: string) => graph("tls").find((one) => one.name === name);
    const added = graph("tls").filter(({ name }) => !graph("before").some((one) => one.name === name));
    expect(added.map(({ type, name }) => `${type} ${name}`).sort()).toEqual([
      "pgsite:index:Authority sispi-authority",
      "pgsite:index:HostFile server2-authorities",
      "pgsite:index:HostFile server3-authorities",
      "pgsite:index:ServerCertificate server2-certificate",
      "pgsite:index:ServerCertificate server3-certificate",
    ]);
    for (const server of ["server2", "server3"]) {
      expect(named(`${server}-data`)?.dependsOn).toContain(`${server}-authorities`);
      expect(named(`${server}-certificate`)?.dependsOn).toContain(`${server}-data`);
      expect(named(`${server}-start`)?.dependsOn).toContain(`${server}-certificate`);
      expect(named(`${server}-certificate`)?.inputs.authorityKey).toMatchObject({ value: "the only key" });
      const { proof } = JSON.parse(`${named(`${server}-configuration`)?.inputs.endpoint}`);
      expect(proof.tls).toEqual({ authority: authority.certificate, required: true });
    }
    const inputs = JSON.stringify(graph("tls").map((one) => one.inputs));
    expect(inputs.split("the only key")).toHaveLength(3);
    expect(commands("tls").map((one) => one.inputs)).toEqual(commands("before").map((one) => one.inputs));
  });

  it("end with one rollout, after every server runs, and what the site is by then", () => {
    const rollouts = graph("before").filter(({ type }) => type === "pgsite:index:Rollout");
    expect(rollouts.map(({ name }) => name)).toEqual(["sispi-rollout"]);
    expect(rollouts[0]?.dependsOn).toEqual(expect.arrayContaining(["server2-start", "server3-start"]));
    const last = graph("mirror").slice(-4);
    const names = ["sispi-rollout", "sispi-runbook", "sispi-watch-jobs", "sispi-topology"];
    expect(last.map(({ name }) => name).sort()).toEqual([...names].sort());
    const after = last.filter(({ name }) => name !== "sispi-rollout");
    for (const one of after)
      expect([one.name, one.dependsOn]).toEqual([one.name, expect.arrayContaining(["sispi-rollout"])]);
  });
});
