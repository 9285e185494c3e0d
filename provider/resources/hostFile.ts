import { dirname } from "node:path";
import { hashOf } from "../../hosts/digest.js";
import type { Host, HostSpec } from "../../hosts/host.js";
import { octal } from "../../hosts/permissions.js";
import { declaredFiles, readFiles, removeFiles } from "../../installed/folder.js";
import { listingText } from "../../installed/listing.js";
import { installRunbook, runbookDifferences, runbookFiles } from "../../installed/runbook/install.js";
import type { RunbookFacts } from "../../installed/runbook/render.js";
import type { Difference, FilePart, Found, Thing } from "../../postgres/differences.js";
import { error } from "../../postgres/problem.js";
import { secretsInFile } from "../../postgres/secrets/index.js";
import { hostOf } from "../../servers/status/look.js";
import type { ResourceType } from "../protocol/resource.js";
import { say } from "../protocol/say.js";

export interface HostFileArgs {
  readonly host: HostSpec;
  /** Absolute. */
  readonly path: string;
  readonly content: string;
  /** Permission bits in octal, as `chmod` takes them. @default "0600" */
  readonly mode?: string;
  /** The scripts for a server's operator, which go where its own files do: a resource of their own would cost every preview. */
  readonly runbook?: RunbookFacts;
}

export interface HostFileState extends HostFileArgs {
  readonly mode: string;
  /** The OS user it belongs to: the host's. */
  readonly owner: string;
  /** Of the runbook, a line a file: mode, owner and hash of the content. */
  readonly installed?: string;
  /**
   * Hash of what pgsite wrote, kept beside what `read` finds: it alone is pgsite's to remove. A secret, for a short content
   * could be guessed from it; and internal, so that no preview shows it.
   */
  readonly __written: string;
}

/** One file on a host, with its content, mode and owner; with a server's passfile, its runbook. */
export const hostFile: ResourceType<HostFileArgs, HostFileState> = {
  token: "pgsite:index:HostFile",
  secrets: ["__written"],
  packed: ["host", "runbook"],
  // recovery.conf may have a secret in its commands, which its hash would tell.
  secretsIn: ({ runbook }) =>
    secretsInFile("recovery.conf", runbook?.recovery ?? "").length > 0 ? ["runbook", "installed"] : [],
  replaceable: true,

  id: (state) => `${state.host.name}:${state.path}`,

  async check(context, args, actual) {
    const mode = args.mode ?? "0600";
    const problems = [];
    if (!args.path.startsWith("/")) problems.push(error("path", `"${args.path}" is not absolute`));
    if (!/^0[0-7]{3}$/.test(mode)) problems.push(error("mode", `"${mode}" is not a mode like "0600"`));
    const installed =
      args.runbook === undefined ? {} : { installed: listingText(declaredFiles(await runbookFiles(args.runbook))) };
    if (actual !== undefined) {
      await say(context, fileDifferences(args, actual, mode, context.isSecret("content")));
      await say(context, runbookSaid(args, actual, installed.installed));
    }
    const state = { ...args, mode, owner: args.host.user, ...installed, __written: hashOf(args.content) };
    return { state, problems };
  },

  async create(_context, state) {
    await write(state);
    return state;
  },

  async read(context, _id, known) {
    if (known === undefined)
      throw new Error("a file cannot be imported by its id: declare it, and `pulumi up` adopts it");
    const host = await hostOf(known.host);
    const [status, content, installed] = await Promise.all([
      host.stat(known.path),
      readText(known),
      known.runbook === undefined ? undefined : installedOf(host, known.runbook),
    ]);
    if (status === undefined || content === undefined) {
      await say(context, [{ object: nameOf(known), there: { is: "missing" }, consequence: "install" }]);
      return undefined;
    }
    const found = installed === undefined ? {} : { installed };
    return { ...known, content, mode: octal(status.mode), owner: status.owner, ...found };
  },

  async update(_context, wanted, actual) {
    // A runbook that changes alone leaves the file as it is.
    const { content, mode, owner } = actual;
    if (content !== wanted.content || mode !== wanted.mode || owner !== wanted.owner) await writeFile(wanted);
    await writeRunbook(wanted);
    return wanted;
  },

  async delete(context, state) {
    if (state.runbook !== undefined) {
      const left = await removeFiles(await hostOf(state.host), await runbookFiles(state.runbook));
      for (const { path, because } of left) {
        await context.log("warning", `left ${path} on ${state.host.name}: ${reasons[because]}`);
      }
    }
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

/** Why something of the runbook's folder is left there. */
const reasons = { changed: "it is no longer what pgsite wrote", foreign: "pgsite did not put it there" };

async function installedOf(host: Host, runbook: RunbookFacts): Promise<string> {
  return listingText(await readFiles(host, await runbookFiles(runbook)));
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

function runbookSaid({ runbook, host }: HostFileArgs, is: HostFileState, shall: string | undefined): Difference[] {
  // Before the first of them there is no difference to speak of.
  if (runbook === undefined || shall === undefined || is.installed === undefined) return [];
  return runbookDifferences(runbook, host.name, is.installed, shall);
}

async function write(state: HostFileState): Promise<void> {
  await writeFile(state);
  await writeRunbook(state);
}

async function writeRunbook({ host, runbook }: HostFileState): Promise<void> {
  if (runbook !== undefined) await installRunbook(await hostOf(host), runbook);
}

async function writeFile(state: HostFileState): Promise<void> {
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
