import { describe, expect, it } from "vitest";
import type { ResourceType } from "../../provider/protocol/resource.js";
import type { Context } from "../../servers/rollout/reporter.js";
import { acting } from "../../servers/status/refresh.js";

/*
 * An update acts on what is declared now. Every argument of a resource is changed by itself: what `check` derives has the new
 * value, what was done keeps it, and the next preview finds nothing. The tables name every argument, or they do not compile.
 */

/** What was warned of since the last time that somebody took it. */
let warnings: string[] = [];
export function takeWarnings(): string {
  const taken = warnings.join();
  warnings = [];
  return taken;
}

export const context: Context = {
  name: "one",
  signal: new AbortController().signal,
  isSecret: () => false,
  log: async (severity, message) => void (severity === "info" ? undefined : warnings.push(message)),
  report: async () => undefined,
  progress: async () => undefined,
};

/**
 * Every argument with another value; `refused` for one that cannot be changed while what is there is there, `together` with
 * another argument that goes by it.
 */
export type Changes<Args> = { readonly [Key in keyof Required<Args>]: Required<Args>[Key] | Refused | Together };
interface Together {
  readonly together: object;
}
const isTogether = (value: unknown): value is Together =>
  typeof value === "object" && value !== null && "together" in value;
interface Refused {
  readonly refused: RegExp;
  readonly by: unknown;
}
export const refusing = (by: unknown, refused: RegExp): Refused => ({ refused, by });
const isRefused = (value: unknown): value is Refused =>
  typeof value === "object" && value !== null && "refused" in value;

// biome-ignore lint/suspicious/noExplicitAny: the tables are typed where they are written.
export type Any = any;

/** What a preview would compare: nothing internal, and nothing that says only how. */
export function compared(type: ResourceType<Any, Any>, state: Any): Any {
  const left = Object.entries(state).filter(
    ([name, value]) => !name.startsWith("__") && type.manner?.includes(name) !== true && value !== undefined,
  );
  return JSON.parse(JSON.stringify(Object.fromEntries(left)));
}

export async function checked(type: ResourceType<Any, Any>, args: Any, actual?: Any): Promise<Any> {
  const { state, problems = [] } = await type.check(context, args, actual);
  const errors = problems.filter(({ severity }) => severity === "error");
  if (errors.length > 0) throw new Error(errors.map(({ message }) => message).join("; "));
  return state;
}

/** Declares a change, brings it about, and looks whether a preview is clean. */
async function changesTo(type: ResourceType<Any, Any>, before: Any, change: Any): Promise<Any> {
  const first = await type.create(context, await checked(type, before));
  const actual = await type.read(context, type.id(first), first);
  const wanted = await checked(type, change, actual);
  for (const [name, value] of Object.entries(change)) expect(wanted[name], name).toEqual(value);
  const isAnother = type.replaceable === true && type.id(wanted) !== type.id(first);
  const done = await acting(() => (isAnother ? type.create(context, wanted) : type.update(context, wanted, actual)));
  if (isAnother) await type.delete(context, actual);
  for (const [name, value] of Object.entries(change)) expect(done[name], name).toEqual(value);
  const after = await type.read(context, type.id(done), done);
  expect(compared(type, await checked(type, change, after))).toEqual(compared(type, after));
  return done;
}

/** One test an argument; `make` gives fresh arguments for each. */
export function describeAll<Args extends object, State extends Args>(
  name: string,
  type: ResourceType<Args, State>,
  make: (key: string) => Args,
  changes: (args: Args) => Changes<Args>,
  hold: (done: State, key: string) => void = () => undefined,
): void {
  describe(`${name}: each argument`, () => {
    const keys = Object.keys(changes(make("keys"))) as (keyof Args & string)[];
    it.each(keys)("%s", async (key) => {
      const before = make(key);
      const value = changes(before)[key];
      if (isRefused(value)) {
        await expect(changesTo(type, before, { ...before, [key]: value.by })).rejects.toThrow(value.refused);
        return;
      }
      const change = isTogether(value) ? value.together : { [key]: value };
      hold(await changesTo(type, before, { ...before, ...change }), key);
    });
  });
}

/** What needs running servers to act on is held against what is declared in `check` alone. */
export function describeCheck<Args extends object, State extends Args>(
  name: string,
  type: ResourceType<Args, State>,
  make: () => Args,
  changes: (args: Args) => Changes<Args>,
): void {
  describe(`${name}: what is declared of each argument`, () => {
    it.each(Object.keys(changes(make())) as (keyof Args & string)[])("%s", async (key) => {
      const before = make();
      const actual = await checked(type, before);
      const value = changes(before)[key];
      const change = { ...before, [key]: isRefused(value) ? value.by : value };
      if (isRefused(value)) await expect(checked(type, change, actual)).rejects.toThrow(value.refused);
      else expect((await checked(type, change, actual))[key]).toEqual(value);
    });
  });
}
