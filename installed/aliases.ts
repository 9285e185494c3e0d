import type { Host } from "../hosts/host.js";
import { must } from "./must.js";

export const aliasesFile = "/etc/aliases";

export async function hasAliases(host: Host): Promise<boolean> {
  return (await host.stat(aliasesFile))?.type === "file";
}

/** Who gets mail to a name, as the file says it; undefined if it does not know the name. */
export async function aliasIn(host: Host, name: string): Promise<string | undefined> {
  return aliasValue(await textOf(host), name);
}

/** Has mail to a name go to these. Its first line is changed, or one is added; all others stay as they are. */
export async function installAlias(root: Host, name: string, to: string): Promise<void> {
  await change(root, (text) => withAlias(text, name, to));
}

export async function removeAlias(root: Host, name: string): Promise<void> {
  await change(root, (text) => withAlias(text, name, undefined));
}

async function textOf(host: Host): Promise<string> {
  return (await host.readFile(aliasesFile))?.toString("utf8") ?? "";
}

async function change(root: Host, to: (text: string) => string): Promise<void> {
  const before = await textOf(root);
  const after = to(before);
  if (after === before) return;
  const mode = (await root.stat(aliasesFile))?.mode ?? 0o644;
  await root.writeFile(aliasesFile, after, { mode });
  // Programs that keep the aliases in a database of their own have this one to make it anew; others read the file.
  if ((await root.run(["sh", "-c", "command -v newaliases"])).code === 0) await must(root, ["newaliases"]);
}

/** A line of the file: a name with what goes on in lines that begin with a blank (aliases(5)). */
interface Entry {
  readonly name: string | undefined;
  readonly lines: readonly string[];
}

/** The value of an alias in the text of such a file. Names are alike in capital and small letters. */
export function aliasValue(text: string, name: string): string | undefined {
  const entry = entriesOf(text).find((one) => one.name === name.toLowerCase());
  if (entry === undefined) return undefined;
  const value = entry.lines
    .map((line) => line.trim())
    .join(" ")
    .replace(/^("[^"]*"|[^:]*):/, "");
  return value
    .split(",")
    .map((one) => one.trim())
    .filter((one) => one !== "")
    .join(", ");
}

/** The text with an alias of this value, in the place of its first line; undefined takes all its lines away. */
export function withAlias(text: string, name: string, value: string | undefined): string {
  const entries = entriesOf(text);
  const is = (entry: Entry) => entry.name === name.toLowerCase();
  const first = entries.findIndex(is);
  const ours = value === undefined ? [] : [`${name}: ${value}`];
  if (first < 0) {
    if (value === undefined) return text;
    return `${text}${text === "" || text.endsWith("\n") ? "" : "\n"}${ours.join("")}\n`;
  }
  const lines = entries.flatMap((entry, index) => (index === first ? ours : is(entry) ? [] : entry.lines));
  return `${lines.join("\n")}\n`;
}

function entriesOf(text: string): readonly Entry[] {
  const entries: { name: string | undefined; lines: string[] }[] = [];
  for (const line of text === "" ? [] : text.replace(/\n$/, "").split("\n")) {
    const last = entries.at(-1);
    if (/^[ \t]/.test(line) && line.trim() !== "" && last?.name !== undefined) {
      last.lines.push(line);
      continue;
    }
    const [, quoted, plain] = /^(?:"([^"]*)"|([^:#\s][^:]*?))\s*:/.exec(line) ?? [];
    entries.push({ name: (quoted ?? plain)?.toLowerCase(), lines: [line] });
  }
  return entries;
}
