import { dirname } from "node:path";
import { hashOf } from "../../hosts/digest.js";
import type { HostSpec } from "../../hosts/host.js";
import { octal } from "../../hosts/permissions.js";
import type { Difference, FilePart, Found, Thing } from "../../postgres/differences.js";
import { withLinesOf } from "../../postgres/files/passfile.js";
import { error } from "../../postgres/problem.js";
import { hostOf, textOfRefresh } from "../../servers/status/look.js";
import type { ResourceType } from "../protocol/resource.js";
import { say } from "../protocol/say.js";

export interface HostFileArgs {
  readonly host: HostSpec;
  /** Absolute. */
  readonly path: string;
  readonly content: string;
  /** Permission bits in octal, as `chmod` takes them. @default "0600" */
  readonly mode?: string;
  /**
   * Of a password file, whose connections may be in use: its lines for other connections stay when it is written; or, where the
   * roles come after it, all of its lines, since a password is changed where the role's is (`Role`). The runbook's resource, which
   * comes after the rollout, makes it what is declared.
   */
  readonly keeps?: "other connections" | "all lines";
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
  packed: ["host"],
  manner: ["keeps"],
  replaceable: true,

  id: (state) => `${state.host.name}:${state.path}`,

  async check(context, args, actual) {
    const mode = args.mode ?? "0600";
    const problems = [];
    if (!args.path.startsWith("/")) problems.push(error("path", `"${args.path}" is not absolute`));
    if (!/^0[0-7]{3}$/.test(mode)) problems.push(error("mode", `"${mode}" is not a mode like "0600"`));
    if (actual !== undefined) await say(context, fileDifferences(args, actual, mode, context.isSecret("content")));
    const state = { ...args, mode, owner: args.host.user, __written: hashOf(args.content) };
    return { state, problems };
  },

  async create(_context, state) {
    await writeFile(state);
    return state;
  },

  async read(context, _id, known) {
    if (known === undefined)
      throw new Error("a file cannot be imported by its id: declare it, and `pulumi up` adopts it");
    const host = await hostOf(known.host);
    const [status, content] = await Promise.all([host.stat(known.path), textOfRefresh(known.host, known.path)]);
    if (status === undefined || content === undefined) {
      await say(context, [{ object: nameOf(known), there: { is: "missing" }, consequence: "install" }]);
      return undefined;
    }
    return { ...withoutRunbook(known), content, mode: octal(status.mode), owner: status.owner };
  },

  async update(_context, wanted) {
    await writeFile(wanted);
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

/** The state of an older pgsite has the runbook with a server's passfile. */
function withoutRunbook(state: HostFileState & { readonly runbook?: unknown; readonly installed?: unknown }) {
  const { runbook: _runbook, installed: _installed, ...rest } = state;
  return rest;
}

function nameOf({ path, host }: HostFileArgs, part?: FilePart): Thing {
  return { kind: "host file", path, host: host.name, ...(part === undefined ? {} : { part }) };
}

function fileDifferences(args: HostFileArgs, is: HostFileState, mode: string, secret: boolean): readonly Difference[] {
  const make = (part: FilePart, there: Found, declared?: string): Difference => ({
    object: nameOf(args, part),
    there,
    ...(declared === undefined ? {} : { declared }),
    consequence: "install",
  });
  const { user } = args.host;
  return [
    ...(is.content === args.content ? [] : [make("content", { is: secret ? "another secret" : "another" })]),
    ...(is.mode === mode ? [] : [make("mode", is.mode, mode)]),
    ...(is.owner === user ? [] : [make("owner", is.owner, user)]),
  ];
}

async function writeFile(state: HostFileState): Promise<void> {
  const host = await hostOf(state.host);
  const status = await host.stat(state.path);
  if (status !== undefined && status.type !== "file") {
    throw new Error(`${state.path} on ${state.host.name} is there and is no file: move it away`);
  }
  await host.makeDirectory(dirname(state.path));
  await host.writeFile(state.path, await contentFor(state), { mode: Number.parseInt(state.mode, 8) });
}

async function contentFor(state: HostFileState): Promise<string> {
  const there = state.keeps === undefined ? undefined : await readText(state);
  if (there === undefined) return state.content;
  return state.keeps === "all lines" ? withLinesOf(state.content, there) : withLinesOf(there, state.content);
}

async function readText(state: HostFileState): Promise<string | undefined> {
  return (await (await hostOf(state.host)).readFile(state.path))?.toString("utf8");
}
