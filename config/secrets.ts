import { error, type Problem, warning } from "../postgres/problem.js";
import {
  mask,
  maskedAt,
  type Span,
  secretsInAccess,
  secretsInText,
  secretsInValue,
} from "../postgres/secrets/index.js";
import type { AccessDescription, StackDescription } from "./schema.js";

/** A text of a stack file with a secret in it. */
export interface SecretPlace {
  /** From the key on, without `pgsite:`. */
  readonly path: readonly (string | number)[];
  /** The text, with the secret masked. */
  readonly shown: string;
}

/** What these keys of a stack file hold, as far as there may be secrets in it. */
export type SecretKeys = Partial<
  Pick<
    StackDescription,
    "settings" | "access" | "servers" | "roles" | "databases" | "archiving" | "hooks" | "clients" | "viewers"
  >
>;

/** Every text of a stack file that holds a secret. Passwords have keys of their own, and are not among them. */
export function secretPlaces(keys: SecretKeys): readonly SecretPlace[] {
  return textsOf(keys).flatMap(({ path, text, spans }) => {
    const { text: shown, secrets } = maskedAt(text, spans);
    return secrets.length === 0 ? [] : [{ path, shown }];
  });
}

/**
 * A mask that stands for a secret where the secret should stand: `pgsite import` writes it, and so does who copies from a
 * preview. In force it would be the new password.
 */
export function maskedSecrets(keys: SecretKeys): readonly Problem[] {
  return textsOf(keys)
    .filter(({ text }) => text.includes(mask))
    .map(({ path }) => {
      const place = secretPath(path);
      return error(place, `has ${mask} where a secret belongs: ${remedy(place)} sets all of it`);
    });
}

/** Secrets that anyone reads who reads the stack file. @param encrypted the keys that Pulumi encrypts, or something within them */
export function secretsInClear(keys: SecretKeys, encrypted: readonly string[]): readonly Problem[] {
  return secretPlaces(keys)
    .filter(({ path }) => !encrypted.includes(`pgsite:${path[0]}`))
    .map(({ path }) => {
      const place = secretPath(path);
      return warning(place, `may hold a secret, and stands in clear in the stack file: ${remedy(place)} encrypts it`);
    });
}

/** As Pulumi takes it after `--path`: `settings.ssl_passphrase_command`, `settings["myextension.password"]`, `access[2]`. */
export function secretPath(path: readonly (string | number)[]): string {
  return path
    .map((part, index) => {
      if (typeof part === "number") return `[${part}]`;
      return /^[\w-]+$/.test(part) ? `${index === 0 ? "" : "."}${part}` : `[${JSON.stringify(part)}]`;
    })
    .join("");
}

export function remedy(place: string): string {
  return `pulumi config set --secret --path '${place}'`;
}

interface Text {
  readonly path: SecretPlace["path"];
  readonly text: string;
  readonly spans: readonly Span[];
}

function textsOf({
  settings,
  access,
  servers,
  roles,
  databases,
  archiving,
  hooks,
  clients,
  viewers,
}: SecretKeys): readonly Text[] {
  return [
    ...ofSettings(["settings"], settings),
    ...ofAccess(["access"], access),
    ...each(servers, (name, server) => [
      ...ofSettings(["servers", name, "settings"], server.settings),
      ...ofAccess(["servers", name, "access"], server.access),
    ]),
    ...each(roles, (name, role) => [
      ...ofSettings(["roles", name, "settings"], role.settings),
      ...each(role.databaseSettings, (database, own) => ofSettings(["roles", name, "databaseSettings", database], own)),
    ]),
    ...each(databases, (name, database) => ofSettings(["databases", name, "settings"], database.settings)),
    ...Object.entries(archiving ?? {}).flatMap(([name, command]) => ofCommand(["archiving", name], command)),
    ...ofCommand(["hooks", "fence"], hooks?.fence),
    ...ofCommand(["clients", "hook"], clients?.hook),
    ...ofLines(["viewers", "httpd", "directives"], viewers?.httpd?.directives),
    ...each(viewers?.applications, (name, { directives }) =>
      ofLines(["viewers", "applications", name, "directives"], directives),
    ),
    ...each(viewers?.configurations, (name, { options }) =>
      each(options, (option, text) => ofCommand(["viewers", "configurations", name, "options", option], text)),
    ),
  ];
}

function each<T>(
  named: Readonly<Record<string, T>> | undefined,
  texts: (name: string, one: T) => readonly Text[],
): readonly Text[] {
  return Object.entries(named ?? {}).flatMap(([name, one]) => texts(name, one));
}

function ofSettings(path: Text["path"], settings: Readonly<Record<string, unknown>> | undefined): readonly Text[] {
  return each(settings, (name, value) =>
    typeof value === "string" ? [{ path: [...path, name], text: value, spans: secretsInValue(name, value) }] : [],
  );
}

function ofAccess(path: Text["path"], access: readonly AccessDescription[] | undefined): readonly Text[] {
  return (access ?? []).flatMap((rule, index) => {
    if (typeof rule === "string") return [{ path: [...path, index], text: rule, spans: secretsInAccess(rule) }];
    return each(rule.options, (name, value) => [
      { path: [...path, index, "options", name], text: value, spans: ofOption(name, value) },
    ]);
  });
}

/** As it will stand in the file. */
function ofOption(name: string, value: string): readonly Span[] {
  const whole = secretsInAccess(`${name}="${value.replaceAll('"', "'")}"`);
  return whole.length === 0 ? [] : [{ start: 0, end: value.length }];
}

function ofLines(path: Text["path"], lines: readonly unknown[] | undefined): readonly Text[] {
  return (lines ?? []).flatMap((line, index) => ofCommand([...path, index], line));
}

function ofCommand(path: Text["path"], command: unknown): readonly Text[] {
  return typeof command === "string" ? [{ path, text: command, spans: secretsInText(command) }] : [];
}
