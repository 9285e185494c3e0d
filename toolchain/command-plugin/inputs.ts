import { isObject, plain, unknown, type Value, type Values } from "./values.js";

/** How a command is to run, as `local.Command` and `local.run` take it, with secrets opened. */
export interface CommandInputs {
  readonly create?: string;
  readonly update?: string;
  readonly delete?: string;
  readonly stdin?: string;
  /** `stdout`, `stderr`, `stdoutAndStderr` or `none`. @default stdoutAndStderr */
  readonly logging?: string;
  /** Program and arguments before the command. @default /bin/sh -c */
  readonly interpreter?: readonly string[];
  /** @default the plugin's own, which is the Pulumi program's */
  readonly dir?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** @default true */
  readonly addPreviousOutputInEnv?: boolean;
}

export interface Failure {
  readonly property: string;
  readonly reason: string;
}

type Kind = "string" | "boolean" | "list of strings" | "map of strings" | "list";

const shared: Readonly<Record<string, Kind>> = {
  addPreviousOutputInEnv: "boolean",
  archivePaths: "list of strings",
  assetPaths: "list of strings",
  dir: "string",
  environment: "map of strings",
  interpreter: "list of strings",
  logging: "string",
  stdin: "string",
};

/** The inputs of `command:local:Command` and their kinds. */
export const resourceKinds: Readonly<Record<string, Kind>> = {
  ...shared,
  create: "string",
  delete: "string",
  triggers: "list",
  update: "string",
};

/** The arguments of `command:local:run` and their kinds. */
export const functionKinds: Readonly<Record<string, Kind>> = { ...shared, command: "string" };

/** What is wrong with inputs. Says kinds, never values: those may be secret. */
export function check(inputs: Values, kinds: Readonly<Record<string, Kind>>): readonly Failure[] {
  const failures: Failure[] = [];
  for (const [property, value] of Object.entries(inputs)) {
    const kind = kinds[property];
    if (value === null || property === "version" || property.startsWith("__")) continue;
    if (kind === undefined) {
      failures.push({ property, reason: "is not a property that this takes" });
    } else if (!fits(plain(value), kind)) {
      failures.push({ property, reason: `must be a ${kind}` });
    } else if (property === "assetPaths" || property === "archivePaths") {
      failures.push({
        property,
        reason: "is not served by pgsite's stand-in for Pulumi's command plugin; install the official plugin for it",
      });
    }
  }
  return failures;
}

function fits(value: Value, kind: Kind): boolean {
  if (value === unknown) return true;
  const isString = (item: Value) => typeof item === "string";
  switch (kind) {
    case "string":
    case "boolean":
      return typeof value === kind;
    case "list":
      return Array.isArray(value);
    case "list of strings":
      return Array.isArray(value) && value.every(isString);
    case "map of strings":
      return isObject(value) && Object.values(value).every(isString);
  }
}

/** Inputs, or the state that repeats them, for use: checked before, by `check`. */
export function opened(values: Values): CommandInputs & { stdout?: string; stderr?: string; command?: string } {
  const present = Object.entries(values).filter(([, value]) => value !== null);
  return plain(Object.fromEntries(present)) as ReturnType<typeof opened>;
}
