import { describe, expect, it } from "vitest";
import { outcomeOf, renderDrift } from "../../../cli/commands/drift.js";
import { parseSentence, readDigest } from "../../../cli/drift/digest.js";
import { consequences, type Difference, notKnown, sentence } from "../../../postgres/differences.js";

const urn = (type: string, name: string) => `urn:pulumi:ctio::pgsite::pgsite:index:Site$${type}::${name}`;
const configuration = urn("pgsite:index:ServerConfiguration", "server3-configuration");
const rollout = urn("pgsite:index:Rollout", "sispi-rollout");

describe("a difference's sentence", () => {
  it("is read back as what it was said of", () => {
    for (const consequence of consequences) {
      for (const difference of [
        { server: "server3", object: "postgresql.conf work_mem", there: "9MB", declared: "8MB", consequence },
        { object: "role reader", there: "superuser", consequence },
        { server: "des10", object: "primary_conninfo", there: "host=a port=1: x", declared: "host=b", consequence },
      ] satisfies Difference[]) {
        expect(parseSentence(sentence(difference))).toEqual(difference);
      }
    }
  });

  it("is told from other messages", () => {
    for (const line of ["the rollout:", "1. db1: reload (work_mem 9MB → 8MB)", "left the role x: drop it by hand?"]) {
      expect(parseSentence(line)).toBeUndefined();
    }
  });
});

describe("a preview", () => {
  it("of a clean stack has no difference", () => {
    const steps = ["same", "refresh", "read"].map((op) => ({ op, urn: configuration }));
    expect(readDigest({ steps })).toEqual({ differences: [], unknown: [], plan: [], errors: [] });
  });

  it("counts what the provider says, and not what follows from it", () => {
    const found = readDigest({
      steps: [
        { op: "update", urn: configuration, detailedDiff: { hash: {} } },
        { op: "update", urn: rollout, detailedDiff: { plan: {} } },
      ],
      diagnostics: [
        {
          urn: configuration,
          message: "server3: pg_hba.conf is missing: reload\nserver3: the server is stopped, declared running: start\n",
          severity: "info",
        },
        { urn: rollout, message: "the rollout:\n1. server3: start (stopped)\n", severity: "info" },
      ],
    });
    expect(found.differences.map(({ object }) => object)).toEqual(["pg_hba.conf", "the server"]);
    expect(found.plan).toEqual(["1. server3: start (stopped)"]);
  });

  it("counts a resource that would change and says nothing", () => {
    const steps = [{ op: "update", urn: urn("pgsite:index:Role", "reader"), detailedDiff: { superuser: {} } }];
    expect(readDigest({ steps }).differences).toEqual([
      { object: "Role reader", there: "different in superuser", consequence: "pulumi up" },
    ]);
    expect(
      readDigest({ steps: [{ op: "update", urn: rollout, detailedDiff: { plan: {} } }] }).differences,
    ).toHaveLength(1);
  });

  it("says what could not be asked", () => {
    const message = `warning: no server of sispi takes writes: … ${notKnown}; shown is …\n`;
    const hangs = "server2: the server is running and does not answer within a few seconds: by hand";
    const found = readDigest({
      steps: [{ op: "update", urn: configuration, detailedDiff: {} }],
      diagnostics: [
        { urn: rollout, message, severity: "warning" },
        { urn: configuration, message: hangs, severity: "warning" },
      ],
    });
    expect(found.differences).toEqual([]);
    expect(found.unknown).toEqual([message.slice("warning: ".length).trim(), hangs]);
  });
});

describe("several stacks", () => {
  const stack = (outcome: "clean" | "drift" | "unknown") => ({
    stack: outcome,
    outcome,
    differences: [],
    reasons: outcome === "unknown" ? ["no passphrase"] : [],
    plan: [],
  });

  it("have a drift as soon as one has, and are clean where all are", () => {
    expect(outcomeOf([stack("clean"), stack("unknown"), stack("drift")])).toBe("drift");
    expect(outcomeOf([stack("clean"), stack("unknown")])).toBe("unknown");
    expect(outcomeOf([stack("clean"), stack("clean")])).toBe("clean");
  });

  it("are told one after the other", () => {
    expect(renderDrift([stack("clean"), stack("unknown")])).toBe(
      "clean: clean\nunknown: could not tell\nnot known: no passphrase",
    );
  });
});
