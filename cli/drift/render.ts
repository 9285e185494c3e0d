import { consequences } from "../../postgres/differences.js";
import { shown, shownInLine } from "../../postgres/shown.js";
import { framed, painted, type Style } from "../terminal.js";
import type { Drift, StackDrift } from "./digest.js";

/** For people: each stack, and in it each server with what differs; last what is one in the whole site. */
export function renderDrift(stacks: readonly StackDrift[], style: Style): string {
  return stacks
    .flatMap(({ stack, outcome, differences, reasons, plan }) => {
      const look = outcome === "clean" ? "heading" : outcome === "drift" ? "unusual" : "wrong";
      const head = { clean: "clean", drift: countOf(differences), unknown: "could not tell" }[outcome];
      return [
        `${painted("heading", `${shownInLine(stack)}:`, style)} ${painted(look, head, style)}`,
        ...groupsOf(differences).flatMap(([server, own]) => [headingOf(server, own, style), tableOf(own, style)]),
        ...reasons.map((reason) => `${painted("wrong", "not known:", style)} ${shown(reason)}`),
        ...(plan.length === 0 ? [] : ["pulumi up would:", ...plan.map((step) => `  ${shownInLine(step)}`)]),
      ];
    })
    .join("\n");
}

function countOf(differences: readonly Drift[]): string {
  return differences.length === 1 ? "1 difference" : `${differences.length} differences`;
}

/** By server, in the order of their names; undefined: of the whole site, or where the preview does not say of what. */
function groupsOf(differences: readonly Drift[]): readonly (readonly [string | undefined, readonly Drift[]])[] {
  const servers = [...new Set(differences.flatMap(({ server }) => server ?? []))].sort();
  return [...servers, undefined]
    .map((name) => [name, differences.filter(({ server }) => server === name)] as const)
    .filter(([, own]) => own.length > 0);
}

function headingOf(server: string | undefined, own: readonly Drift[], style: Style): string {
  const whose = server === undefined ? "beside the servers" : shownInLine(server);
  return `${painted("heading", `${whose}:`, style)} ${summaryOf(own)}`;
}

/** Mildest last: what a server stands before is decided by its hardest consequence. */
const hardestFirst: readonly Drift["consequence"][] = ["pulumi up", ...[...consequences].reverse()];

/** How many differences there are of each consequence: `1 restart in order, 2 reload`. */
function summaryOf(own: readonly Drift[]): string {
  return hardestFirst
    .map((consequence) => [consequence, own.filter((one) => one.consequence === consequence).length] as const)
    .filter(([, count]) => count > 0)
    .map(([consequence, count]) => `${count} ${consequence}`)
    .join(", ");
}

function tableOf(differences: readonly Drift[], style: Style): string {
  return framed(
    ["object", "there", "declared", "consequence"],
    differences.map(({ object, there, declared = "", consequence }) => [object, there, declared, consequence]),
    style,
  );
}
