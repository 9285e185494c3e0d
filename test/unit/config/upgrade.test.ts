import { describe, expect, it } from "vitest";
import { resolveStack } from "../../../config/resolve.js";

const passwords = { "password-postgres": "p", "password-replicator": "p" };

function resolved(upgrade: unknown, more: Readonly<Record<string, unknown>> = {}) {
  const described = {
    site: "orders",
    postgresql: "18",
    primary: "one",
    hosts: { one: "192.0.2.1" },
    servers: { one: { dataDirectory: "/data" } },
    databases: { app: {} },
    ...passwords,
    ...(upgrade === undefined ? {} : { upgrade }),
    ...more,
  };
  const raw = Object.entries(described)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => [`pgsite:${key}`, typeof value === "string" ? value : JSON.stringify(value)]);
  const { stack, problems } = resolveStack("dev", Object.fromEntries(raw));
  const errors = problems.filter(({ severity }) => severity === "error");
  return { site: stack?.site, errors: errors.map(({ path, message }) => `${path}: ${message}`) };
}

const window = { from: "22:00", until: "05:00", days: ["fri", "sat"], timeZone: "America/Santiago" };

describe("upgrade", () => {
  it("is nothing where a stack says nothing", () => {
    expect(resolved(undefined)).toMatchObject({ errors: [] });
    expect(resolved(undefined).site).not.toHaveProperty("upgrade");
  });

  it("comes with its defaults, and days as numbers", () => {
    const { site, errors } = resolved({ window, after: [{ name: "MTAs" }, { name: "console", command: "./c" }] });
    expect(errors).toEqual([]);
    expect(site?.upgrade).toEqual({
      method: "auto",
      jobs: 2,
      acceptNoRollback: false,
      window: { ...window, days: [5, 6] },
      defer: {},
      after: [{ name: "MTAs" }, { name: "console", command: "./c" }],
    });
  });

  const mirrors = {
    primary: undefined,
    databases: undefined,
    upstream: { server: "s1", dataDirectory: "/data" },
    hosts: { one: "192.0.2.1", s1: "192.0.2.2" },
    servers: { one: { dataDirectory: "/data", role: "mirror" } },
  };
  it.each([
    [{ method: "link" }, {}, /^upgrade\.method: link shares files .*acceptNoRollback: true, or take copy$/],
    [
      { method: "copy", defer: { app: ["log.*"] } },
      {},
      /^upgrade\.method: received "copy"; allowed with upgrade\.defer: dump/,
    ],
    [
      { defer: { shop: ["log.*"] } },
      {},
      /^upgrade\.defer\.shop: there is no database "shop" in this stack.*: describe it in databases:$/,
    ],
    [{ defer: { app: ["log.*"] } }, mirrors, /^upgrade\.defer: goes with the stack that has the primary/],
    [{ after: [{ name: "x" }] }, mirrors, /^upgrade\.after: goes with the stack that has the primary/],
    [{ after: [{ name: "x" }, { name: "x" }] }, {}, /^upgrade\.after\[1\]\.name: "x" is a step already/],
    [{ window: { ...window, until: "22:00" } }, {}, /^upgrade\.window\.until: .*a window has a length$/],
    [{ window: { ...window, from: "25:00" } }, {}, /^upgrade\.window\.from: .*HH:MM/],
    [{ window: { ...window, timeZone: "Chile" } }, {}, /^upgrade\.window\.timeZone: /],
    [{ methods: "copy" }, {}, /^upgrade: unknown: "methods" \(did you mean method\?\)/],
    [{ defer: { app: ["log"] } }, {}, /^upgrade\.defer\.app\[0\]: .*SCHEMA\.TABLE/],
  ])("%j is refused with its path and what there is to do", (upgrade, more, expected) => {
    const { errors } = resolved(upgrade, more);
    expect(errors.length, errors.join("\n")).toBe(1);
    expect(errors[0]).toMatch(expected);
  });

  it("with the word for it, link is taken", () => {
    expect(resolved({ method: "link", acceptNoRollback: true }).errors).toEqual([]);
  });

  it("of a rehearsal may be done at any time, and runs no command of the site's", () => {
    const rehearsal = { folder: "/tmp/r", osUser: "postgres", addresses: { one: "127.0.0.2" } };
    const { site } = resolved({ window, method: "copy", after: [{ name: "console", command: "./c" }] }, { rehearsal });
    expect(site?.upgrade).toMatchObject({ method: "copy", after: [{ name: "console" }] });
    expect(site?.upgrade).not.toHaveProperty("window");
    expect(site?.upgrade?.after[0]).not.toHaveProperty("command");
  });
});
