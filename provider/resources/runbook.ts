import { type Host, type HostSpec, isOfHost } from "../../hosts/host.js";
import { declaredFiles, readFiles, removeFiles } from "../../installed/folder.js";
import { listingText } from "../../installed/listing.js";
import { askPeers, type Untold } from "../../installed/runbook/ask.js";
import { installRunbook, runbookDifferences, runbookFiles } from "../../installed/runbook/install.js";
import { claimInstance, instancePlace } from "../../installed/runbook/instance.js";
import type { RunbookFacts } from "../../installed/runbook/render.js";
import { defined } from "../../postgres/defined.js";
import { type Unasked, unaskedAmong } from "../../postgres/files/hba/index.js";
import { error } from "../../postgres/problem.js";
import { secretsInFile } from "../../postgres/secrets/index.js";
import type { Context } from "../../servers/rollout/reporter.js";
import { hostOf, lookOfRefresh, textOfRefresh } from "../../servers/status/look.js";
import { isUpgraded } from "../../servers/upgrade/planned.js";
import { elsewhereInWords, unaskedInWords, untoldInWords } from "../../servers/words/guard.js";
import type { ResourceType } from "../protocol/resource.js";
import { say } from "../protocol/say.js";
import { type ByServer, ofEach, present, whyLeft } from "./byServer.js";

interface ServerRunbook {
  readonly host: HostSpec;
  readonly facts: RunbookFacts;
  readonly disposable: boolean;
}

export interface RunbookArgs {
  readonly site: string;
  readonly servers: ByServer<ServerRunbook>;
  /** Texts of the password files, as they are once nothing else is in force. */
  readonly passfiles: ByServer<string>;
}

export interface RunbookState extends RunbookArgs {
  /** Of each server's runbook, a line a file: mode, owner and hash of the content. */
  readonly installed: ByServer<string>;
  /**
   * Of a server whose database exists once: where that is known to be: `here`, `nowhere`, or `FOLDER on HOST`. Absent where the
   * stack has none.
   */
  readonly instances?: ByServer<string>;
  /** Servers whose guard others would not let ask, by the rules that lie there. No difference by itself. */
  readonly __unasked?: readonly Unasked[];
  /** By server: peers that did not say, when it asked them by what was just written. Asked again for as long as there are any. */
  readonly __untold?: ByServer<readonly Untold[]>;
}

/**
 * The runbook, guard included, on the host of every server, and no line more in their password files than is declared. It is
 * written after the rollout, when what is declared is in force.
 */
export const runbook: ResourceType<RunbookArgs, RunbookState> = {
  token: "pgsite:index:Runbook",
  secrets: ["passfiles"],
  packed: ["servers", "passfiles", "installed"],
  manner: ["__unasked", "__untold"],
  // recovery.conf may have a secret in its commands, which its hash would tell.
  secretsIn: ({ servers }) =>
    Object.values(servers).some(({ facts }) => secretsInFile("recovery.conf", facts.recovery ?? "").length > 0)
      ? ["servers", "installed"]
      : [],

  id: ({ site }) => `${site}/runbook`,

  async check(context, args, actual) {
    const installed = await ofEach(args.servers, async ({ facts }) =>
      listingText(declaredFiles(await runbookFiles(facts))),
    );
    for (const [name, { facts, host }] of Object.entries(args.servers)) {
      const [is, shall] = [actual?.installed[name], installed[name]];
      // Before the first of them there is no difference to speak of.
      const isNew = is === undefined || shall === undefined || isUpgraded({ host, ...facts });
      if (!isNew) await say(context, runbookDifferences(facts, host.name, is, shall));
    }
    const unasked = (actual?.__unasked ?? []).filter(({ server }) => args.servers[server] !== undefined);
    for (const one of unasked) await context.log("warning", unaskedInWords(one));
    await warn(context, actual?.__untold ?? {}, args.servers, unasked);
    const alone = Object.entries(args.servers).filter(([, { facts }]) => facts.alone !== undefined);
    const known = await ofEach(Object.fromEntries(alone), (server, name) => knownPlace(server, name, actual));
    const elsewhere = alone.flatMap(([name, { facts, host }]) => {
      const place = known[name] ?? "here";
      return place === "here" || place === "nowhere"
        ? []
        : [error("", elsewhereInWords(name, facts, host.name, place))];
    });
    const instances = Object.fromEntries(alone.map(([name]) => [name, "here"]));
    const state = { ...args, installed, ...(alone.length === 0 ? {} : { instances }) };
    return { state, problems: elsewhere };
  },

  create: (context, state) => writeAll(context, state),

  async read(_context, _id, known) {
    if (known === undefined) throw new Error("a runbook cannot be imported by its id: `pulumi up` writes it");
    const found = await ofEach(present(known.servers), async ({ host: spec, facts }) => {
      const host = await hostOf(spec);
      const [installed, instance, passfile, rules] = await Promise.all([
        readFiles(host, await runbookFiles(facts)).then(listingText),
        facts.alone === undefined ? undefined : instanceOf(host, facts),
        textOfRefresh(spec, facts.passfile),
        lookOfRefresh({ host: spec, ...facts }).then((look) => look.texts(["pg_hba.conf"])),
      ]);
      return { installed, instance, passfile, rules: rules["pg_hba.conf"] };
    });
    const asking = Object.entries(present(known.servers)).map(([name, { facts }]) => {
      return [name, { ...facts, ...defined({ rules: found[name]?.rules }) }] as const;
    });
    const unasked = unaskedAmong(Object.fromEntries(asking));
    const { __unasked, __untold = {}, ...last } = known;
    const again = Object.keys(__untold).length === 0 ? {} : await untoldOf(present(known.servers));
    const each = (part: "installed" | "instance" | "passfile") =>
      Object.fromEntries(
        Object.entries(found).flatMap(([name, is]) => (is[part] === undefined ? [] : [[name, is[part]]])),
      );
    return {
      ...last,
      installed: { ...known.installed, ...each("installed") },
      ...(known.instances === undefined ? {} : { instances: { ...known.instances, ...each("instance") } }),
      passfiles: { ...known.passfiles, ...each("passfile") },
      ...(unasked.length === 0 ? {} : { __unasked: unasked }),
      ...(Object.keys(again).length === 0 ? {} : { __untold: again }),
    };
  },

  async update(context, wanted, actual) {
    const state = await writeAll(context, wanted);
    const gone = Object.entries(present(actual.servers)).filter(([name]) => wanted.servers[name] === undefined);
    await take(context, Object.fromEntries(gone));
    return state;
  },

  async delete(context, { servers }) {
    await take(context, present(servers));
  },
};

/**
 * Where a database that exists once is known to be, by what lies where it is declared: what was read is of where it was. Whether a
 * host can be reached is the preflight's to say.
 */
async function knownPlace(server: ServerRunbook, name: string, actual: RunbookState | undefined): Promise<string> {
  const [is, shall] = [actual?.servers[name], server].map(
    (one) =>
      one && JSON.stringify([one.host.name, one.host.address, one.facts.dataDirectory, one.facts.controlDirectory]),
  );
  if (is === shall) return actual?.instances?.[name] ?? "here";
  try {
    return await instanceOf(await hostOf(server.host), server.facts);
  } catch (error) {
    if (isOfHost(error)) return "nowhere";
    throw error;
  }
}

/** Writes all, and then has each server ask the others as its guard would: what does not prove itself is said. */
async function writeAll(context: Context, state: RunbookState): Promise<RunbookState> {
  await ofEach(state.servers, (server, name) => write(server, state.passfiles[name]));
  const { __untold, ...rest } = state;
  const untold = await untoldOf(state.servers);
  await warn(context, untold, state.servers);
  return Object.keys(untold).length === 0 ? rest : { ...rest, __untold: untold };
}

/**
 * By server, its peers that live and do not say whether they have taken over, or cannot be asked. One after the other: each question
 * takes a walsender, and of these a primary may have one to spare.
 */
async function untoldOf(servers: RunbookArgs["servers"]): Promise<ByServer<readonly Untold[]>> {
  const asked: Record<string, readonly Untold[]> = {};
  for (const [name, { host, facts }] of Object.entries(servers)) {
    const untold = await askPeers(await hostOf(host), facts);
    if (untold.length > 0) asked[name] = untold;
  }
  return asked;
}

/** A rule that is missing was told of already. */
async function warn(
  context: Context,
  untold: ByServer<readonly Untold[]>,
  servers: RunbookArgs["servers"],
  told: readonly Unasked[] = [],
): Promise<void> {
  for (const [server, peers] of Object.entries(untold)) {
    if (servers[server] === undefined) continue;
    for (const one of peers) {
      if (told.some((known) => known.server === server && known.peer === one.peer)) continue;
      await context.log("warning", untoldInWords(server, one));
    }
  }
}

async function write({ host: spec, facts }: ServerRunbook, passfile: string | undefined): Promise<void> {
  const host = await hostOf(spec);
  // Before the guard, which starts nothing where nobody has said.
  if (facts.alone !== undefined) await claim(host, facts);
  await installRunbook(host, facts);
  const there = await textOf(host, facts.passfile);
  // A password file that is missing is the HostFile's to write.
  if (passfile === undefined || there === undefined || there === passfile) return;
  await host.writeFile(facts.passfile, passfile, { mode: 0o600 });
}

/** Nobody has said where the database is: it is where pgsite has it. */
async function claim(host: Host, facts: RunbookFacts): Promise<void> {
  const known = await instanceOf(host, facts);
  if (known === "nowhere") return claimInstance(host, facts);
  if (known !== "here") throw new Error(elsewhereInWords(facts.server, facts, host.name, known));
}

async function instanceOf(host: Host, facts: RunbookFacts): Promise<string> {
  const place = await instancePlace(host, facts);
  return typeof place === "string" ? place : place.elsewhere;
}

async function textOf(host: Host, path: string): Promise<string | undefined> {
  return (await host.readFile(path))?.toString("utf8");
}

/** A server that is left to run keeps what protects it. */
async function take(context: Context, servers: RunbookArgs["servers"]): Promise<void> {
  for (const { host: spec, facts, disposable } of Object.values(servers)) {
    if (!disposable) continue;
    for (const { path, because } of await removeFiles(await hostOf(spec), await runbookFiles(facts))) {
      await context.log("warning", `left ${path} on ${spec.name}: ${whyLeft[because]}`);
    }
  }
}
