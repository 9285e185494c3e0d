import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { PulumiResult, PulumiSandbox } from "./pulumi.js";

/** Arguments of a `local.Command`; `{secret: "…"}` is a secret, `{output: "NAME"}` the standard output of an earlier one. */
export type CommandArguments = Readonly<Record<string, unknown>>;

export interface CommandProgram {
  readonly commands: Readonly<Record<string, CommandArguments>>;
  /** Arguments of `local.run`, by the name of the stack output that gets the result. */
  readonly runs?: Readonly<Record<string, CommandArguments>>;
}

export const stack = "test";

const program = `
const { readFileSync } = require("node:fs");
const pulumi = require("@pulumi/pulumi");
const { local } = require("@pulumi/command");
const { commands, runs = {} } = JSON.parse(readFileSync("commands.json", "utf8"));
const made = {};
const value = (item) => {
  if (Array.isArray(item)) return item.map(value);
  if (typeof item !== "object" || item === null) return item;
  if ("secret" in item) return pulumi.secret(item.secret);
  if ("output" in item) return made[item.output].stdout;
  return Object.fromEntries(Object.entries(item).map(([key, inner]) => [key, value(inner)]));
};
for (const [name, args] of Object.entries(commands)) made[name] = new local.Command(name, value(args));
for (const [name, args] of Object.entries(runs)) exports[name] = local.runOutput(value(args));
`;

/** Makes a sandbox's program one that takes its commands from data, and its stack. */
export async function prepare(sandbox: PulumiSandbox): Promise<void> {
  sandbox.write({
    "Pulumi.yaml": "name: commands\nruntime: {name: nodejs, options: {typescript: false}}\n",
    "package.json": '{"main": "index.js"}',
    "index.js": program,
    "commands.json": '{"commands": {}}',
  });
  await sandbox.must(["stack", "init", stack]);
}

export interface UpResult extends PulumiResult {
  /** What was logged while commands ran, by the resource's name. */
  readonly logged: ReadonlyMap<string, readonly string[]>;
}

/** `pulumi up` with these commands, whatever becomes of it. */
export async function up(sandbox: PulumiSandbox, wanted: CommandProgram): Promise<UpResult> {
  sandbox.write({ "commands.json": JSON.stringify(wanted), "events.log": "" });
  const events = join(sandbox.program, "events.log");
  // The flag that writes the engine's events is one that Pulumi hides.
  const env = { PULUMI_DEBUG_COMMANDS: "true" };
  const args = ["up", "--yes", "--skip-preview", "--continue-on-error", "--stack", stack, "--event-log", events];
  const result = await sandbox.run(args, { env });
  return { ...result, logged: loggedIn(readFileSync(events, "utf8")) };
}

/** `pulumi preview` with these commands: the step (`create`, `update`, `replace`, `same` …) of each, by name. */
export async function preview(sandbox: PulumiSandbox, wanted: CommandProgram): Promise<ReadonlyMap<string, string>> {
  sandbox.write({ "commands.json": JSON.stringify(wanted) });
  const { stdout } = await sandbox.must(["preview", "--json", "--stack", stack]);
  const { steps } = JSON.parse(stdout) as { steps: readonly { op: string; urn: string }[] };
  const all = steps.map(({ op, urn }) => [urn.split("::").pop() ?? "", op] as const);
  // A replacement is three steps: name it by the one that says so.
  return new Map([...all.filter(([, op]) => op !== "replace"), ...all.filter(([, op]) => op === "replace")]);
}

function loggedIn(events: string): ReadonlyMap<string, readonly string[]> {
  const logged = new Map<string, string[]>();
  for (const line of events.split("\n").filter((text) => text !== "")) {
    const { diagnosticEvent } = JSON.parse(line) as {
      diagnosticEvent?: { urn?: string; message: string; ephemeral?: boolean };
    };
    if (diagnosticEvent?.ephemeral !== true) continue;
    const name = diagnosticEvent.urn?.split("::").pop() ?? "";
    logged.set(name, [...(logged.get(name) ?? []), diagnosticEvent.message.replace(/<\{%[^%]*%\}>/g, "").trimEnd()]);
  }
  return logged;
}
