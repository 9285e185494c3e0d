import { type Consequence, type Difference, isFound } from "../../postgres/differences.js";
import { comparedBy, type NotKnown, type Report } from "../../servers/status/report.js";
import { type ShownDifference, sentence, shownDifference } from "../../servers/words/differences.js";
import { notKnownWords } from "../../servers/words/findings.js";
import { planLines } from "../../servers/words/plan.js";
import type { Told } from "./findings.js";

/** A difference as `pgsite drift` tells it. */
export interface Drift extends Omit<ShownDifference, "consequence"> {
  /** `pulumi up` where the preview changes a resource and its provider says nothing of why. */
  readonly consequence: Consequence | "pulumi up";
  /** The same for programs, which read no words; left out with `pulumi up`. */
  readonly facts?: Pick<Difference, "object" | "there" | "declared">;
}

/** What one preview found. */
export interface Findings {
  readonly differences: readonly Drift[];
  /** What could not be asked, and why. */
  readonly unknown: readonly Unknown[];
  /** The rollout in words, step by step; empty if nothing is to be done on the servers. */
  readonly plan: readonly string[];
  /** The same for programs. */
  readonly rollout: Report["plan"];
  /** Pulumi's own errors. */
  readonly errors: readonly string[];
}

/** One sentence says all of it; `code` is what programs decide by. */
export interface Unknown extends Omit<NotKnown, "code"> {
  readonly code: NotKnown["code"] | "silent";
}

/** One stack, as `--json` prints it (docs/drift.md). */
export interface StackDrift {
  readonly stack: string;
  /** `drift` as soon as one difference is known; `unknown` where none is, and not everything could be asked. */
  readonly outcome: "clean" | "drift" | "unknown";
  readonly differences: readonly Drift[];
  /** Why something, or everything, is not known; for people. */
  readonly reasons: readonly string[];
  /** What resources could not ask, for programs. */
  readonly unknown: readonly Unknown[];
  /** What `pulumi up` would do on the servers, in order; for people. */
  readonly plan: readonly string[];
  /** The same for programs. */
  readonly rollout: Report["plan"];
}

/** As much of `pulumi preview --json` as is read here. */
export interface Digest {
  readonly steps?: readonly Step[];
  readonly diagnostics?: readonly Diagnostic[];
}

interface Step {
  readonly op: string;
  readonly urn: string;
  readonly detailedDiff?: Readonly<Record<string, unknown>> | null;
}

interface Diagnostic {
  readonly message: string;
  readonly severity: string;
}

/** Steps that change nothing. */
const quiet = new Set(["same", "refresh", "read", "read-discard", "import"]);

/** What these show follows from what others found, or could not find. */
const following = new Set(["pgsite:index:Rollout", "pgsite:index:Topology"]);

/**
 * What a preview found: what its resources told, and the steps of those that told nothing. So nothing that a preview shows
 * is left out here.
 */
export function readDigest(digest: Digest, told: readonly Told[]): Findings {
  const { differences: found, unknown: unasked, plan } = comparedBy(told);
  const hanging = found.filter(({ there }) => isFound(there, "silent"));
  const differences = found
    .filter((one) => !hanging.includes(one))
    .map((one): Drift => ({ ...shownDifference(one), facts: factsOf(one) }));
  const unknown = [...unasked.map((one) => ({ ...one, message: notKnownWords(one) })), ...hanging.map(silentServer)];
  const speaking = new Set(told.flatMap((one) => (one.kind === "difference" ? [one.urn] : [])));
  const changed = (digest.steps ?? []).filter(({ op, urn }) => !quiet.has(op) && !speaking.has(urn));
  const silent = changed.filter(({ urn }) => !following.has(typeOf(urn)));
  const explained = silent.length > 0 || differences.length > 0 || unknown.length > 0;
  const counted = explained ? silent : changed;
  return {
    differences: [...differences, ...stepDifferences(counted)],
    unknown,
    plan: planLines(plan),
    rollout: plan,
    errors: errorsIn(digest),
  };
}

function silentServer(difference: Difference): Unknown {
  const { server } = difference;
  return { code: "silent", ...(server === undefined ? {} : { server }), message: sentence(difference) };
}

function factsOf({ object, there, declared }: Difference): NonNullable<Drift["facts"]> {
  return { object, there, ...(declared === undefined ? {} : { declared }) };
}

function errorsIn({ diagnostics = [] }: Digest): readonly string[] {
  const errors = diagnostics.filter(({ severity }) => severity === "error");
  return [...new Set(errors.map(({ message }) => message.replace(/^error: /, "").trim()))];
}

function stepDifferences(steps: readonly Step[]): Drift[] {
  const made = steps.filter(({ op }) => op === "create");
  const others = steps.filter(({ op, urn }) => op !== "create" && typeOf(urn) !== "pulumi:pulumi:Stack");
  return [
    ...(made.length < 4
      ? made.map(({ urn }) => stepDifference(urn, "not there", "there"))
      : [stepDifferenceOf(`${made.length} resources`, "never made by pulumi up", "there")]),
    ...others.map(({ op, urn, detailedDiff }) =>
      op === "update"
        ? stepDifference(urn, `different in ${Object.keys(detailedDiff ?? {}).join(", ") || "its inputs"}`, undefined)
        : stepDifference(
            urn,
            op === "delete" ? "there" : `to be changed (${op})`,
            op === "delete" ? "no more" : undefined,
          ),
    ),
  ];
}

function stepDifference(urn: string, there: string, declared: string | undefined): Drift {
  const type = typeOf(urn).split(":").at(-1) ?? "";
  return stepDifferenceOf(`${type} ${urn.split("::").at(-1)}`, there, declared);
}

function stepDifferenceOf(object: string, there: string, declared: string | undefined): Drift {
  return { object, there, ...(declared === undefined ? {} : { declared }), consequence: "pulumi up" };
}

function typeOf(urn: string): string {
  return urn.split("::")[2]?.split("$").at(-1) ?? "";
}
