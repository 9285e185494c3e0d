import { readStackText, sealed } from "../../config/file.js";
import { type ResolvedStack, resolveStack } from "../../config/resolve.js";
import { secretsInClear } from "../../config/secrets.js";
import { checkSiblings, type Sibling } from "../../config/siblings.js";
import { error, type Problem, warning } from "../../postgres/problem.js";

/** A stack file as far as it can be judged without Pulumi, hosts and secrets. */
export interface CheckedStack {
  readonly name: string;
  readonly problems: readonly Problem[];
  /** Absent where too much is missing. */
  readonly resolved?: ResolvedStack;
}

/** The same beside the others of its project. */
export async function checkAmong(checked: CheckedStack, siblings: readonly Sibling[]): Promise<CheckedStack> {
  const { resolved, problems } = checked;
  if (resolved === undefined) return checked;
  return { ...checked, problems: [...problems, ...(await checkSiblings(resolved.description, siblings))] };
}

/** Pulumi's name for this project, and so the namespace of its keys. */
const project = "pgsite";

/** Judges a stack file's text. Never throws; no message holds a secret's value. */
export function checkStackFile(name: string, text: string, now: Date = new Date()): CheckedStack {
  try {
    const { raw, unread, encrypted } = readStackText(project, text);
    const { stack: resolved, problems, description } = resolveStack(name, raw, { now });
    const unseen = unread.map((key) => warning(key, "is encrypted as a whole: what stands in it is not checked here"));
    const clear = [...inClear(raw), ...secretsInClear(description, encrypted)];
    const all = [...problems, ...clear, ...unseen];
    return { name, problems: all, ...(resolved === undefined ? {} : { resolved }) };
  } catch (thrown) {
    const [first = ""] = (thrown as Error).message.split("\n");
    return { name, problems: [error("(stack file)", first)] };
  }
}

/** Passwords and keys that a stack file holds unencrypted: whoever can read the repository has them. */
function inClear(raw: Readonly<Record<string, string>>): Problem[] {
  return Object.entries(raw)
    .filter(([key, value]) => /^pgsite:(password|key)-/.test(key) && value !== sealed)
    .map(([key]) => key.slice("pgsite:".length))
    .map((key) =>
      error(key, `is stored in clear: pulumi config set --secret ${key} encrypts it (and choose a new one)`),
    );
}

export function hasErrors({ problems }: CheckedStack): boolean {
  return problems.some(({ severity }) => severity === "error");
}
