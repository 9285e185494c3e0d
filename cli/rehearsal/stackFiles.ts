import { parseDocument } from "yaml";
import { parseStack, passwordKey, privateKeyKey, type RawConfiguration, serversWithKey } from "../../config/parse.js";
import type { RehearsalDescription, StackDescription } from "../../config/schema.js";
import { replicationRoleOf } from "../../config/standalone.js";
import type { Major } from "../../postgres/versions.js";

/** What a rehearsal needs to know of a stack file before it is translated. */
export interface StackFile {
  readonly stack: string;
  readonly text: string;
  readonly description: StackDescription;
}

/** Reads a stack file's text. @throws with all its problems where it is none that can be rehearsed */
export function readStackFile(stack: string, text: string): StackFile {
  const { description, problems } = parseStack(rawConfiguration(text));
  const errors = problems.filter(({ severity }) => severity === "error");
  if (errors.length > 0) {
    const lines = errors.map(({ path, message }) => `  ${path}: ${message}`);
    throw new Error(`the stack ${stack} cannot be rehearsed as it stands:\n${lines.join("\n")}`);
  }
  return { stack, text, description };
}

/** A stack file's `config:` in the form in which Pulumi hands it to a program. Encrypted values are left out. */
export function rawConfiguration(text: string): RawConfiguration {
  const { config = {} } = (parseDocument(text).toJS() ?? {}) as { config?: Record<string, unknown> };
  return Object.fromEntries(
    Object.entries(config)
      .filter(([, value]) => !isEncrypted(value))
      .map(([key, value]) => [key, typeof value === "string" ? value : JSON.stringify(value)]),
  );
}

/** Hosts of a stack's servers, its upstream and its mirrors; ports that they use. */
export function placesOf(description: StackDescription): { hosts: string[]; ports: number[] } {
  const { servers, upstream, mirrors, port } = description;
  const hosts = [
    ...Object.entries(servers).map(([name, server]) => server.host ?? name),
    ...(upstream === undefined ? [] : [upstream.host ?? upstream.server]),
    ...mirrors,
  ];
  return { hosts, ports: [port, ...Object.values(servers).flatMap((server) => server.port ?? [])] };
}

/** The roles of a stack that log in by password at the version that is rehearsed, each once. */
export function rolesThatLogIn(description: StackDescription, version: Major): string[] {
  const { administrator, roles } = description;
  const declared = Object.entries(roles).flatMap(([name, role]) => (role.login ? [name] : []));
  return [...new Set([administrator, replicationRoleOf(description, version), ...declared])].sort();
}

/**
 * The copy of a stack file for a rehearsal: the original's text with the rehearsal's own keys, and with the salt and
 * the encrypted passwords that an earlier copy has.
 */
export function rehearsalCopy(original: string, rehearsal: RehearsalDescription, earlier: string | undefined): string {
  const document = parseDocument(original);
  document.setIn(["config", "pgsite:rehearsal"], rehearsal);
  // A rehearsal makes its own certificates.
  for (const server of serversWithKey((document.toJS() as { config?: RawConfiguration }).config ?? {}))
    document.deleteIn(["config", `pgsite:${privateKeyKey(server)}`]);
  if (earlier !== undefined) {
    const { config = {}, encryptionsalt } = parseDocument(earlier).toJS() as {
      config?: Record<string, unknown>;
      encryptionsalt?: string;
    };
    if (encryptionsalt !== undefined) document.set("encryptionsalt", encryptionsalt);
    for (const [key, value] of Object.entries(config)) {
      if (isEncrypted(value)) document.setIn(["config", key], value);
    }
  }
  return document.toString();
}

/** The keys of passwords that a copy still lacks. */
export function missingPasswords(copy: string, roles: readonly string[]): string[] {
  const { config = {} } = parseDocument(copy).toJS() as { config?: Record<string, unknown> };
  return roles.filter((role) => !(`pgsite:${passwordKey(role)}` in config));
}

function isEncrypted(value: unknown): boolean {
  return typeof value === "object" && value !== null && "secure" in value;
}
