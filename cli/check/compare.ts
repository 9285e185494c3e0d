import { createTwoFilesPatch, FILE_HEADERS_ONLY } from "diff";
import type { ResolvedStack } from "../../config/resolve.js";
import type { Server } from "../../config/site.js";
import { type ConfigurationState, configurationDifferences } from "../../postgres/files/differences.js";
import { maskedFile } from "../../postgres/secrets/index.js";
import { shownDifference } from "../../servers/words/differences.js";

/** What differs between two readings of a stack file, before any server is asked: one line each. */
export function changesBetween(base: ResolvedStack, head: ResolvedStack): readonly string[] {
  const names = (stack: ResolvedStack) => stack.site.servers.map(({ name }) => name);
  const servers = [...new Set([...names(base), ...names(head)])].sort();
  return [
    ...changed("PostgreSQL", base.site.version, head.site.version),
    ...changed("primary", base.site.primary, head.site.primary),
    ...servers.flatMap((name) => {
      const [there, here] = [base, head].map(({ site }) => site.servers.find((server) => server.name === name));
      if (there === undefined) return [`${name}: a new server (${here?.role})`];
      if (here === undefined) return [`${name}: no longer declared (it was ${there.role})`];
      return serverChanges(there, here);
    }),
    ...named("role", base.description.roles, head.description.roles),
    ...named("database", base.description.databases, head.description.databases),
  ];
}

function serverChanges(base: Server, head: Server): readonly string[] {
  const { name } = head;
  const facts = (server: Server): Readonly<Record<string, string | undefined>> => ({
    role: server.role,
    upstream: server.upstream,
    host: `${server.host.name} (${server.host.address}, ${server.host.transport})`,
    "OS user": server.host.user,
    address: `${server.address}:${server.port}`,
    "data directory": server.dataDirectory,
    "server programs": server.binDirectory,
    "declared lost": server.lost === undefined ? "no" : server.lost.acceptDataLoss ? "yes, with loss of data" : "yes",
  });
  const [there, here] = [facts(base), facts(head)];
  return [
    ...Object.keys(here).flatMap((fact) => changed(`${name}: ${fact}`, there[fact], here[fact])),
    ...configurationDifferences(name, head.version, stateOf(base), stateOf(head))
      .map(shownDifference)
      .map(({ object, there, declared, consequence }) => {
        const to = declared === undefined ? "" : ` → ${declared}`;
        return `${name}: ${object}: ${there}${to}: ${consequence}`;
      }),
  ];
}

/** A server as it would be where nothing but the stack file decided. */
function stateOf({ version, files }: Server): ConfigurationState {
  return { version, state: "running", files: present(files), permissions: {}, runs: {}, refused: [], unread: false };
}

function changed(what: string, there: string | undefined, here: string | undefined): readonly string[] {
  return there === here ? [] : [`${what}: ${there ?? "none"} → ${here ?? "none"}`];
}

function named(kind: string, base: Readonly<Record<string, unknown>>, head: Readonly<Record<string, unknown>>) {
  const names = [...new Set([...Object.keys(base), ...Object.keys(head)])].sort();
  return names.flatMap((name) => {
    if (!(name in base)) return [`${kind} ${name}: new`];
    if (!(name in head)) return [`${kind} ${name}: no longer declared (it stays on the server)`];
    return JSON.stringify(base[name]) === JSON.stringify(head[name]) ? [] : [`${kind} ${name}: changed`];
  });
}

/** The files that pgsite would write, those of `base` and of `head` side by side: a unified diff of each that differs. */
export function fileDiffs(base: ResolvedStack | undefined, head: ResolvedStack): string {
  const [there, here] = [filesOf(base), filesOf(head)];
  const paths = [...new Set([...there.keys(), ...here.keys()])].sort();
  return paths
    .filter((path) => there.get(path) !== here.get(path))
    .map((path) => {
      const name = (files: ReadonlyMap<string, string>) => (files.has(path) ? path : "/dev/null");
      const texts = [there.get(path) ?? "", here.get(path) ?? ""] as const;
      const options = { headerOptions: FILE_HEADERS_ONLY };
      return createTwoFilesPatch(name(there), name(here), ...texts, undefined, undefined, options);
    })
    .join("");
}

/** `SERVER/FILE` to its text, secrets masked: it is printed, and posted as a comment. */
function filesOf(stack: ResolvedStack | undefined): ReadonlyMap<string, string> {
  const servers = stack?.site.servers ?? [];
  return new Map(
    servers.flatMap(({ name, files }) =>
      Object.entries(present(files)).map(([file, text]) => [`${name}/${file}`, maskedFile(file, text).text] as const),
    ),
  );
}

function present(files: Readonly<Record<string, string | null>>): Record<string, string> {
  return Object.fromEntries(Object.entries(files).flatMap(([name, text]) => (text === null ? [] : [[name, text]])));
}
