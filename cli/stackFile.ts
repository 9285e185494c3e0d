import { Document, isMap, isPair, isScalar, type Pair, visit, type YAMLMap } from "yaml";
import { onOneLine, withUnicodeEscapes } from "../postgres/printable.js";

/** A stack file before it is text. Places in it are `hosts`, `servers.db1.dataDirectory`. */
export interface StackText {
  /** Without the prefix `pgsite:`. */
  readonly keys: Readonly<Record<string, unknown>>;
  /** Comment lines at the top. */
  readonly head: readonly string[];
  /** Comments above keys, by place. */
  readonly above: Readonly<Record<string, string>>;
  /** Comments behind values, by place. */
  readonly behind: Readonly<Record<string, string>>;
}

/** Pulumi.STACK.yaml as a person would write it. */
export function renderStackText({ keys, head, above, behind }: StackText): string {
  const config = Object.fromEntries(Object.entries(keys).map(([key, value]) => [`pgsite:${key}`, value]));
  const document = new Document({ config });
  document.commentBefore = ["yaml-language-server: $schema=docs/stack.schema.json", ...head]
    .map((line) => ` ${line}`)
    .join("\n");
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
      const comment = above[where];
      if (comment !== undefined && isScalar(pair.key)) {
        pair.key.commentBefore = comment
          .split("\n")
          .map((line) => ` ${line}`)
          .join("\n");
        if (holder.items[0] !== pair) pair.key.spaceBefore = true;
      }
      // Small maps read better on one line.
      if (isMap(pair.value) && small(pair.value, where)) pair.value.flow = true;
      const note = behind[where];
      if (note !== undefined && (isScalar(pair.value) || (isMap(pair.value) && pair.value.flow === true)))
        pair.value.comment = ` ${note}`;
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
  const plain = parts.length === 2 && parts[0] === "servers" && map.items.length === 1;
  return map.items.length === 0 || inside || plain || ["initdb", "service"].includes(where);
}
