import { Document, isMap, isPair, isScalar, type Pair, visit, type YAMLMap } from "yaml";
import { onOneLine, withUnicodeEscapes } from "../../postgres/printable.js";
import type { Described, StackKeys } from "./describe.js";

/** The stack's configuration as Pulumi would hand it over. */
export function rawOf(keys: StackKeys): Record<string, string> {
  return Object.fromEntries(
    Object.entries(keys).map(([key, value]) => [
      `pgsite:${key}`,
      typeof value === "object" ? JSON.stringify(value) : `${value}`,
    ]),
  );
}

const comments: Readonly<Record<string, string>> = {
  hosts: " Every host by name, with its address.",
  settings: " The same on every server.",
  access: " pg_hba.conf, in order; pgsite adds its administrator over loopback, and the servers that may replicate.",
  roles: " Those that log in. Their passwords are left alone unless a key password-ROLE gives one.",
  service: " What starts the servers with their machines: without this key pgsite makes one for each.",
  initdb: " How the cluster was made: only read.",
};

/** Pulumi.STACK.yaml as a person would write it. */
export function renderStackFile({ keys, origins }: Described, stack: string): string {
  const config = Object.fromEntries(Object.entries(keys).map(([key, value]) => [`pgsite:${key}`, value]));
  const document = new Document({ config });
  document.commentBefore = ` yaml-language-server: $schema=docs/stack.schema.json\n The stack ${stack}, read from its running servers by pgsite import.`;
  visit(document, {
    // What a terminal or an editor would obey can only be written as an escape, within double quotes.
    Scalar(_, one) {
      if (typeof one.value === "string" && onOneLine(one.value) !== one.value) one.type = "QUOTE_DOUBLE";
    },
    Pair(_, pair, path) {
      const key = keyOf(pair);
      const where = [...path.filter(isPair).map(keyOf), key]
        .slice(1)
        .join(".")
        .replace(/^pgsite:/, "");
      const holder = path.filter(isMap).at(-1) as YAMLMap;
      const comment = comments[where];
      if (comment !== undefined && isScalar(pair.key)) {
        pair.key.commentBefore = comment;
        if (holder.items[0] !== pair) pair.key.spaceBefore = true;
      }
      const origin = origins[where];
      if (origin !== undefined && isScalar(pair.value)) pair.value.comment = ` ${saidOf(origin)}`;
      // Small maps read better on one line.
      if (isMap(pair.value) && small(pair.value, where)) pair.value.flow = true;
    },
  });
  return withUnicodeEscapes(document.toString({ lineWidth: 0, flowCollectionPadding: true }), "YAML");
}

function keyOf(pair: Pair): string {
  return isScalar(pair.key) ? `${pair.key.value}` : `${pair.key}`;
}

function small(map: YAMLMap, where: string): boolean {
  const parts = where.split(".");
  const inside = parts.length === 2 && ["hosts", "roles", "databases"].includes(parts[0] ?? "");
  return map.items.length === 0 || inside || ["initdb", "service"].includes(where);
}

function saidOf(origin: string): string {
  return origin === "postgresql.auto.conf" ? "by ALTER SYSTEM" : origin;
}
