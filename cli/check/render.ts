import type { ResolvedStack } from "../../config/resolve.js";
import { changesBetween, fileDiffs } from "./compare.js";
import { type CheckedStack, hasErrors } from "./stack.js";

/** The same stack elsewhere, where somebody wants to see what changes; undefined where it is not there. */
type Base = { readonly checked: CheckedStack | undefined };

/** All that is said of one stack file. */
export function renderCheck(head: CheckedStack, base: Base | undefined, files: boolean): string {
  const { name, problems, resolved } = head;
  return [
    `${name}: ${hasErrors(head) ? "refused" : resolved === undefined ? "nothing to check" : siteIn(resolved)}`,
    ...problems.map(({ severity, path, message }) => `  ${severity}: ${path}: ${message}`),
    ...(resolved?.notes ?? []).map(({ path, message }) => `  translated: ${path}: ${message}`),
    ...(base === undefined || resolved === undefined ? [] : comparison(base.checked, resolved)),
    ...(files && resolved !== undefined ? [fileDiffs(undefined, resolved)] : []),
  ].join("\n");
}

export function renderGone(name: string): string {
  return `${name}: no longer here; its servers stay as they are until pulumi destroy of that stack`;
}

function siteIn({ site }: ResolvedStack): string {
  const servers = site.servers
    .map(({ name, role }) => `${site.standalone === true ? "standalone" : role} ${name}`)
    .join(", ");
  return `PostgreSQL ${site.version}, ${servers}`;
}

function comparison(base: CheckedStack | undefined, head: ResolvedStack): readonly string[] {
  if (base === undefined) return ["  a new stack"];
  if (base.resolved === undefined || hasErrors(base)) return ["  not compared: the other one is refused itself"];
  const changes = changesBetween(base.resolved, head);
  const texts = fileDiffs(base.resolved, head);
  if (changes.length === 0 && texts === "")
    return ["  no server's files change, nor anything else that is checked here"];
  return [
    "  changes (what the servers have is for pulumi preview to say):",
    ...changes.map((line) => `    ${line}`),
    texts,
  ];
}
