import { readFileSync } from "node:fs";
import { join } from "node:path";
import { hashOf } from "../../hosts/digest.js";
import type { FileStatus, Host } from "../../hosts/host.js";
import { permissionsOf } from "../../hosts/permissions.js";
import type { Difference } from "../../postgres/differences.js";
import { programs, type RunbookFacts, renderRunbook, runbookFolder, shared } from "./render.js";

interface Part {
  readonly content: string;
  readonly mode: number;
}

let scripts: Readonly<Record<string, Part>> | undefined;

/** The scripts are files of this project, and travel neither through the program nor into the state. */
async function scriptsOfRunbook(): Promise<Readonly<Record<string, Part>>> {
  if (scripts !== undefined) return scripts;
  const { checkout } = await import("../../toolchain/paths.mjs");
  const read = (name: string) => readFileSync(join(checkout, "installed", "runbook", name), "utf8");
  scripts = {
    ...Object.fromEntries(shared.map((name) => [name, { content: read(name), mode: 0o600 }])),
    ...Object.fromEntries(programs.map((name) => [name, { content: read(name), mode: 0o700 }])),
  };
  return scripts;
}

async function partsOf(facts: RunbookFacts): Promise<Readonly<Record<string, Part>>> {
  const rendered = Object.entries(renderRunbook(facts)).map(([name, content]) => [name, { content, mode: 0o600 }]);
  return { ...(await scriptsOfRunbook()), ...(Object.fromEntries(rendered) as Readonly<Record<string, Part>>) };
}

/** What is to be there, a line a file: `failover: 0700 postgres 3f2a…`, the last the content's hash. */
export async function declaredRunbook(facts: RunbookFacts): Promise<string> {
  const parts = await partsOf(facts);
  return listOf(
    Object.entries(parts).map(([name, { content, mode }]) => [
      name,
      lineOf({ mode, owner: facts.user }, Buffer.from(content)),
    ]),
  );
}

/** The same of what is there. */
export async function readRunbook(host: Host, facts: RunbookFacts): Promise<string> {
  const folder = runbookFolder(facts.controlDirectory);
  const found = await Promise.all(
    Object.keys(await partsOf(facts)).map(async (name) => {
      const path = join(folder, name);
      const [status, content] = await Promise.all([host.stat(path), host.readFile(path)]);
      return status === undefined || content === undefined ? [] : [[name, lineOf(status, content)] as const];
    }),
  );
  return listOf(found.flat());
}

/** Puts in place what is not there as declared; the rest is left as it is. */
export async function installRunbook(host: Host, facts: RunbookFacts): Promise<void> {
  const folder = runbookFolder(facts.controlDirectory);
  const found = linesOf(await readRunbook(host, facts));
  await host.makeDirectory(folder);
  for (const [name, { content, mode }] of Object.entries(await partsOf(facts))) {
    if (found.get(name) === lineOf({ mode, owner: facts.user }, Buffer.from(content))) continue;
    await host.writeFile(join(folder, name), content, { mode });
  }
}

/** Takes away what is there as pgsite wrote it. @returns the names of what is not */
export async function removeRunbook(host: Host, facts: RunbookFacts): Promise<readonly string[]> {
  const folder = runbookFolder(facts.controlDirectory);
  const [declared, found] = [linesOf(await declaredRunbook(facts)), linesOf(await readRunbook(host, facts))];
  for (const [name, line] of found) if (declared.get(name) === line) await host.remove(join(folder, name));
  if ((await host.list(folder))?.length === 0) await host.remove(folder);
  return [...found].flatMap(([name, line]) => (declared.get(name) === line ? [] : [join(folder, name)]));
}

/** One a file. */
export function runbookDifferences(facts: RunbookFacts, host: string, is: string, shall: string): Difference[] {
  const found = linesOf(is);
  return [...linesOf(shall)].flatMap(([name, wanted]): Difference[] => {
    const line = found.get(name);
    if (line === wanted) return [];
    const object = { kind: "host file", path: join(runbookFolder(facts.controlDirectory), name), host } as const;
    if (line === undefined) return [{ object, there: { is: "missing" }, consequence: "install" }];
    const [left, right] = [line, wanted].map((one) => one.replace(/ \S+$/, ""));
    const sameMode = left === right;
    return sameMode
      ? [{ object: { ...object, part: "content" }, there: { is: "another" }, consequence: "install" }]
      : [{ object: { ...object, part: "mode" }, there: left ?? "", declared: right ?? "", consequence: "install" }];
  });
}

function lineOf(status: Pick<FileStatus, "mode" | "owner">, content: Buffer): string {
  return `${permissionsOf(status)} ${hashOf(content.toString("utf8"))}`;
}

function listOf(lines: readonly (readonly [string, string])[]): string {
  return [...lines]
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, line]) => `${name}: ${line}`)
    .join("\n");
}

function linesOf(list: string): ReadonlyMap<string, string> {
  return new Map(
    list
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => {
        const [name = "", rest = ""] = line.split(": ");
        return [name, rest];
      }),
  );
}
