import { stackFileJsonSchema } from "./json.js";

interface Node {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Node>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Node | boolean;
  readonly items?: Node;
  readonly anyOf?: readonly Node[];
}

/** The reference of the stack file in Markdown, from the same schema that checks it. */
export function stackFileReference(): string {
  const { config } = (stackFileJsonSchema() as unknown as { properties: Record<string, Node> }).properties;
  const lines = [
    "<!-- Generated: npm run build && node dist/pgsite.js schema --markdown > docs/stack-file.md -->",
    "# The stack file, key by key",
    "",
    "Below `config:` of `Pulumi.STACK.yaml`. NAME stands for a name of your own. Passwords are keys of their own, always encrypted:",
    "`pulumi config set --secret password-ROLE`, and so are given private keys: `pulumi config set --secret key-SERVER <FILE`.",
    "A secret within another key (`ssl_passphrase_command`, `ldapbindpasswd` in a rule, a password in a command) is encrypted where it stands:",
    "`pulumi config set --secret --path 'settings.ssl_passphrase_command'`, `… --path 'access[2]'`. Every preview warns of one that is not.",
    "",
    "| key | what it is | default |",
    "|---|---|---|",
    ...rows("", config as Node),
  ];
  return `${lines.join("\n")}\n`;
}

function rows(path: string, node: Node): string[] {
  return Object.entries(node.properties ?? {}).flatMap(([name, child]) => {
    const key = path === "" ? name : `${path}.${name}`;
    const required = node.required?.includes(name) === true && child.default === undefined;
    const shown = child.default === undefined ? (required ? "required" : "") : code(child.default);
    return [`| \`${key}\` | ${cell(describe(child))} | ${shown} |`, ...inner(key, child)];
  });
}

function inner(key: string, node: Node): string[] {
  if (node.properties !== undefined) return rows(key, node);
  const value = typeof node.additionalProperties === "object" ? node.additionalProperties : undefined;
  const variants = [value, ...(value?.anyOf ?? []), node.items, ...(node.items?.anyOf ?? [])];
  const object = variants.find((variant) => variant?.properties !== undefined);
  return object === undefined ? [] : rows(node.items === undefined ? `${key}.NAME` : `${key}[]`, object);
}

function describe(node: Node): string {
  const values = [node, ...(node.anyOf ?? [])].flatMap((variant) => variant.enum ?? []);
  const allowed = values.length === 0 ? "" : values.map(code).join(", ");
  return [node.description, allowed].filter((part) => part !== undefined && part !== "").join(": ");
}

function code(value: unknown): string {
  return `\`${typeof value === "string" ? value : JSON.stringify(value)}\``;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}
