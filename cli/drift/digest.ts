import { type Consequence, consequences, type Difference, hangs, notKnown } from "../../postgres/differences.js";

/** A difference as `pgsite drift` tells it. */
export interface Drift extends Omit<Difference, "consequence" | "severity"> {
  /** `pulumi up` where the preview changes a resource and its provider says nothing of why. */
  readonly consequence: Consequence | "pulumi up";
}

/** What one preview found. */
export interface Findings {
  readonly differences: readonly Drift[];
  /** What could not be asked, and why; one sentence each. */
  readonly unknown: readonly string[];
  /** The rollout in words, step by step; empty where nothing is to be done on the servers. */
  readonly plan: readonly string[];
  /** Pulumi's own errors. */
  readonly errors: readonly string[];
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
  readonly urn?: string;
  readonly message: string;
  readonly severity: string;
}

/** Steps that change nothing. */
const quiet = new Set(["same", "refresh", "read", "read-discard", "import"]);

/** What these show follows from what others found, or could not find. */
const following = new Set(["pgsite:index:Rollout", "pgsite:index:Topology"]);

/**
 * Reads a preview. The provider logs a sentence for each difference (`postgres/differences.ts`); a resource that would
 * change and says nothing is a difference all the same, so that nothing which a preview shows is left out here.
 */
export function readDigest(digest: Digest): Findings {
  const told = new Set<string>();
  const differences = new Map<string, Drift>();
  const unknown = new Set<string>();
  const errors = new Set<string>();
  const plan: string[] = [];
  for (const { urn = "", message, severity } of digest.diagnostics ?? []) {
    const text = message.replace(/^(?:warning|error): /, "").trim();
    if (severity === "error") errors.add(text);
    else if (severity === "warning" && text.includes(notKnown)) unknown.add(text);
    else if (text.startsWith("the rollout:\n")) plan.push(...text.split("\n").slice(1));
    else {
      for (const line of text.split("\n")) {
        const difference = parseSentence(line);
        if (difference === undefined) continue;
        told.add(urn);
        if (difference.there === hangs) unknown.add(line);
        else differences.set(line, difference);
      }
    }
  }
  const changed = (digest.steps ?? []).filter(({ op, urn }) => !quiet.has(op) && !told.has(urn));
  const silent = changed.filter(({ urn }) => !following.has(typeOf(urn)));
  const explained = silent.length > 0 || differences.size > 0 || unknown.size > 0;
  const counted = explained ? silent : changed;
  return {
    differences: [...differences.values(), ...stepDifferences(counted)],
    unknown: [...unknown],
    plan,
    errors: [...errors],
  };
}

/** The reverse of `sentence`: `server3: postgresql.conf max_connections is 300, declared 400: restart in order`. */
export function parseSentence(line: string): Drift | undefined {
  const consequence = consequences.find((one) => line.endsWith(`: ${one}`));
  if (consequence === undefined) return undefined;
  const said = line.slice(0, -consequence.length - 2);
  const match = /^(?:([a-z0-9][a-z0-9_-]*): )?(.+?) is (.+)$/s.exec(said);
  if (match === null) return undefined;
  const [, server, object = "", values = ""] = match;
  const comma = values.lastIndexOf(", declared ");
  return {
    ...(server === undefined ? {} : { server }),
    object,
    there: comma < 0 ? values : values.slice(0, comma),
    ...(comma < 0 ? {} : { declared: values.slice(comma + ", declared ".length) }),
    consequence,
  };
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
