import { describe, expect, it } from "vitest";
import { outcomeOf } from "../../../cli/commands/drift.js";
import { type Drift, readDigest, type StackDrift } from "../../../cli/drift/digest.js";
import { findingsIn, type Told } from "../../../cli/drift/findings.js";
import { renderDrift } from "../../../cli/drift/render.js";
import { plain } from "../../../cli/terminal.js";
import type { Difference } from "../../../postgres/differences.js";
import type { PlannedStep } from "../../../postgres/rollout/model.js";
import { shownPainted } from "../../../postgres/shown.js";
import { sentence } from "../../../servers/words/differences.js";
import { withoutColours } from "../../support/colours.js";

const urn = (type: string, name: string) => `urn:pulumi:ctio::pgsite::pgsite:index:Site$${type}::${name}`;
const configuration = urn("pgsite:index:ServerConfiguration", "server3-configuration");
const rollout = urn("pgsite:index:Rollout", "sispi-rollout");

const missing: Difference = {
  server: "server3",
  object: { kind: "file", file: "pg_hba.conf" },
  there: { is: "missing" },
  consequence: "reload",
};
const stopped: Difference = {
  server: "server3",
  object: { kind: "server" },
  there: { is: "stopped" },
  declared: { is: "running" },
  consequence: "start",
};
const started: PlannedStep = { server: "server3", action: "start", because: [{ code: "stopped" }] };
const told = (...differences: readonly Difference[]) =>
  differences.map((difference): Told => ({ urn: configuration, kind: "difference", difference }));

describe("a difference's sentence", () => {
  it("says the server, what differs, both values, and what it takes", () => {
    expect(sentence(missing)).toBe("server3: pg_hba.conf is missing: reload");
    expect(sentence(stopped)).toBe("server3: the server is stopped, declared running: start");
  });
});

describe("what the provider wrote down", () => {
  const begun = JSON.stringify({ begun: 1 });

  it("is read record by record, whichever of its processes wrote them", () => {
    const lines = [begun, ...told(missing, stopped).map((one) => JSON.stringify(one)), begun];
    expect(findingsIn(`${lines.join("\n")}\n`)).toEqual({ told: told(missing, stopped) });
  });

  it("is no silence: a provider that does not know the file, or writes otherwise, has not said that nothing differs", () => {
    const another = { failure: expect.stringMatching(/not of this build/) };
    expect(findingsIn("")).toEqual(another);
    expect(findingsIn('{"begun":2}\n')).toEqual(another);
    expect(findingsIn(`${begun}\n{"urn":"a","ki`)).toEqual({ failure: expect.stringMatching(/cut off/) });
  });
});

describe("a preview", () => {
  it("of a clean stack has no difference", () => {
    const steps = ["same", "refresh", "read"].map((op) => ({ op, urn: configuration }));
    expect(readDigest({ steps }, [])).toEqual({
      differences: [],
      unknown: [],
      plan: [],
      rollout: { steps: [], refusals: [] },
      errors: [],
    });
  });

  it("counts what the provider says, once, and not what follows from it", () => {
    const found = readDigest(
      {
        steps: [
          { op: "update", urn: configuration, detailedDiff: { hash: {} } },
          { op: "update", urn: rollout, detailedDiff: { plan: {} } },
        ],
      },
      [
        ...told(missing, stopped, missing),
        { urn: rollout, kind: "plan", plan: { steps: [started], refusals: [] }, loud: false },
      ],
    );
    expect(found.differences.map(({ object }) => object)).toEqual(["pg_hba.conf", "the server"]);
    expect(found.differences[0]?.facts).toEqual({ object: missing.object, there: missing.there });
    expect(found.plan).toEqual(["1. server3: start (stopped)"]);
    expect(found.rollout).toEqual({ steps: [started], refusals: [] });
  });

  it("counts a resource that would change and says nothing", () => {
    const steps = [{ op: "update", urn: urn("pgsite:index:Role", "reader"), detailedDiff: { superuser: {} } }];
    expect(readDigest({ steps }, []).differences).toEqual([
      { object: "Role reader", there: "different in superuser", consequence: "pulumi up" },
    ]);
    expect(
      readDigest({ steps: [{ op: "update", urn: rollout, detailedDiff: { plan: {} } }] }, []).differences,
    ).toHaveLength(1);
  });

  it("says what could not be asked", () => {
    const message = "no server of sispi takes writes: …";
    const silent: Difference = {
      server: "server2",
      object: { kind: "server" },
      there: { is: "silent" },
      consequence: "by hand",
    };
    const found = readDigest({ steps: [{ op: "update", urn: configuration, detailedDiff: {} }] }, [
      { urn: rollout, kind: "not known", code: "other", message },
      { urn: rollout, kind: "not known", code: "host", server: "des10", message: "des10 cannot be reached." },
      ...told(silent),
    ]);
    expect(found.differences).toEqual([]);
    expect(found.unknown).toEqual([
      { code: "other", message: `${message}. What is there now is not known; shown is what was last known.` },
      { code: "host", server: "des10", message: "des10: des10 cannot be reached. What is there now is not known" },
      {
        code: "silent",
        server: "server2",
        message: "server2: the server is running and does not answer within a few seconds: by hand",
      },
    ]);
  });

  it("takes Pulumi's own errors from Pulumi", () => {
    const diagnostics = [{ message: "error: no passphrase\n", severity: "error" }];
    expect(readDigest({ diagnostics }, []).errors).toEqual(["no passphrase"]);
  });
});

describe("several stacks", () => {
  const stack = (outcome: "clean" | "drift" | "unknown") => ({
    stack: outcome,
    outcome,
    differences: [],
    reasons: outcome === "unknown" ? ["no passphrase"] : [],
    unknown: [],
    plan: [],
    rollout: { steps: [], refusals: [] },
  });

  it("have a drift as soon as one has, and are clean where all are", () => {
    expect(outcomeOf([stack("clean"), stack("unknown"), stack("drift")])).toBe("drift");
    expect(outcomeOf([stack("clean"), stack("unknown")])).toBe("unknown");
    expect(outcomeOf([stack("clean"), stack("clean")])).toBe("clean");
  });

  it("are told one after the other", () => {
    expect(renderDrift([stack("clean"), stack("unknown")], plain)).toBe(
      "clean: clean\nunknown: could not tell\nnot known: no passphrase",
    );
  });
});

describe("a stack that differs", () => {
  const setting = (name: string, server: string, consequence: Drift["consequence"]): Drift => {
    return { server, object: `postgresql.conf ${name}`, there: "300", declared: "400", consequence };
  };
  const stack: StackDrift = {
    stack: "ctio",
    outcome: "drift",
    differences: [
      { object: "role reader", there: "missing", consequence: "SQL" },
      setting("work_mem", "server3", "reload"),
      setting("max_connections", "server3", "restart in order"),
      setting("log_filename", "server3", "reload"),
      { object: "Role writer", there: "different in superuser", consequence: "pulumi up" },
      setting("max_connections", "server2", "restart in order"),
    ],
    reasons: ["des10: its host does not answer within 3 s"],
    unknown: [],
    plan: ["1. server3: restart (max_connections 300 → 400)"],
    rollout: { steps: [], refusals: [] },
  };

  it("is shown server by server, the hardest consequence first, and then what is of no server", () => {
    expect(renderDrift([stack], plain)).toBe(
      `
ctio: 6 differences
server2: 1 restart in order
┌─────────────────────────────────┬───────┬──────────┬──────────────────┐
│ object                          │ there │ declared │ consequence      │
├─────────────────────────────────┼───────┼──────────┼──────────────────┤
│ postgresql.conf max_connections │ 300   │ 400      │ restart in order │
└─────────────────────────────────┴───────┴──────────┴──────────────────┘
server3: 1 restart in order, 2 reload
┌─────────────────────────────────┬───────┬──────────┬──────────────────┐
│ object                          │ there │ declared │ consequence      │
├─────────────────────────────────┼───────┼──────────┼──────────────────┤
│ postgresql.conf work_mem        │ 300   │ 400      │ reload           │
│ postgresql.conf max_connections │ 300   │ 400      │ restart in order │
│ postgresql.conf log_filename    │ 300   │ 400      │ reload           │
└─────────────────────────────────┴───────┴──────────┴──────────────────┘
beside the servers: 1 pulumi up, 1 SQL
┌─────────────┬────────────────────────┬──────────┬─────────────┐
│ object      │ there                  │ declared │ consequence │
├─────────────┼────────────────────────┼──────────┼─────────────┤
│ role reader │ missing                │          │ SQL         │
│ Role writer │ different in superuser │          │ pulumi up   │
└─────────────┴────────────────────────┴──────────┴─────────────┘
not known: des10: its host does not answer within 3 s
pulumi up would:
  1. server3: restart (max_connections 300 → 400)`.slice(1),
    );
  });

  it("is shown in ASCII where the locale has no lines", () => {
    expect(renderDrift([{ ...stack, plan: [] }], { ...plain, unicode: false })).toMatch(
      /^\| role reader \| missing +\| +\| SQL +\|$/m,
    );
  });

  it("has nothing that a terminal obeys, in any of its texts, but colours of ours", () => {
    const hostile = "a\u001b[31m\u001b[2J\u202eb";
    const own: Drift = { server: hostile, object: hostile, there: hostile, declared: hostile, consequence: "reload" };
    const text = shownPainted(
      renderDrift([{ ...stack, stack: hostile, differences: [own], reasons: [hostile], plan: [hostile] }], {
        ...plain,
        colour: true,
      }),
    );
    const bare = withoutColours(text);
    for (const obeyed of ["\u001b", "\u202e"]) expect(bare).not.toContain(obeyed);
    expect(bare.match(/a\\x1b\[31m\\x1b\[2J\\u\{202e\}b/g)).toHaveLength(7);
  });
});
