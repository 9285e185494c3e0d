import { dirname } from "node:path";
import type { HostSpec } from "../../hosts/host.js";
import type { Difference } from "../../postgres/differences.js";
import { error } from "../../postgres/problem.js";
import { octal } from "../facts.js";
import { hostOf } from "../host.js";
import type { ResourceType } from "../resource.js";
import { say } from "../say.js";
import { hashOf } from "../staging.js";

export interface HostFileArgs {
  readonly host: HostSpec;
  /** Absolute. */
  readonly path: string;
  readonly content: string;
  /** Permission bits in octal, as `chmod` takes them. @default "0600" */
  readonly mode?: string;
}

export interface HostFileState extends HostFileArgs {
  readonly mode: string;
  /** The OS user it belongs to: the host's. */
  readonly owner: string;
  /**
   * Hash of what pgsite wrote, kept beside what `read` finds: it alone is pgsite's to remove. A secret, for a short content
   * could be guessed from it; and internal, so that no preview shows it.
   */
  readonly __written: string;
}

/** One file on a host, with its content, mode and owner. */
export const hostFile: ResourceType<HostFileArgs, HostFileState> = {
  token: "pgsite:index:HostFile",
  secrets: ["__written"],
  replaceable: true,

  id: (state) => `${state.host.name}:${state.path}`,

  async check(context, args, actual) {
    const mode = args.mode ?? "0600";
    const problems = [];
    if (!args.path.startsWith("/")) problems.push(error("path", `"${args.path}" is not absolute`));
    if (!/^0[0-7]{3}$/.test(mode)) problems.push(error("mode", `"${mode}" is not a mode like "0600"`));
    if (actual !== undefined) await say(context, fileDifferences(args, actual, mode, context.isSecret("content")));
    return { state: { ...args, mode, owner: args.host.user, __written: hashOf(args.content) }, problems };
  },

  async create(_context, state) {
    await write(state);
    return state;
  },

  async read(context, _id, known) {
    if (known === undefined)
      throw new Error("a file cannot be imported by its id: declare it, and `pulumi up` adopts it");
    const host = await hostOf(known.host);
    const [status, content] = await Promise.all([host.stat(known.path), readText(known)]);
    if (status === undefined || content === undefined) {
      await say(context, [{ object: nameOf(known), there: "missing", consequence: "install" }]);
      return undefined;
    }
    return { ...known, content, mode: octal(status.mode), owner: status.owner };
  },

  async update(_context, wanted) {
    await write(wanted);
    return wanted;
  },

  async delete(context, state) {
    const content = await readText(state);
    if (content === undefined) return;
    if (hashOf(content) === state.__written) {
      await (await hostOf(state.host)).remove(state.path);
    } else {
      await context.log(
        "warning",
        `left ${state.path} on ${state.host.name}: its content is no longer what pgsite wrote`,
      );
    }
  },
};

function nameOf({ path, host }: HostFileArgs): string {
  return `${path} on ${host.name}`;
}

function fileDifferences(args: HostFileArgs, is: HostFileState, mode: string, secret: boolean): readonly Difference[] {
  const object = nameOf(args);
  const unlike = secret ? "another than declared (secret, so not shown)" : "another than declared";
  return [
    ...(is.content === args.content
      ? []
      : [{ object: `the content of ${object}`, there: unlike, consequence: "install" as const }]),
    ...(is.mode === mode
      ? []
      : [{ object: `the mode of ${object}`, there: is.mode, declared: mode, consequence: "install" as const }]),
    ...(is.owner === args.host.user
      ? []
      : [
          {
            object: `the owner of ${object}`,
            there: is.owner,
            declared: args.host.user,
            consequence: "install" as const,
          },
        ]),
  ];
}

async function write(state: HostFileState): Promise<void> {
  const host = await hostOf(state.host);
  const status = await host.stat(state.path);
  if (status !== undefined && status.type !== "file") {
    throw new Error(`${state.path} on ${state.host.name} is there and is no file: move it away`);
  }
  await host.makeDirectory(dirname(state.path));
  await host.writeFile(state.path, state.content, { mode: Number.parseInt(state.mode, 8) });
}

async function readText(state: HostFileState): Promise<string | undefined> {
  return (await (await hostOf(state.host)).readFile(state.path))?.toString("utf8");
}
