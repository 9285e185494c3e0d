import { join, resolve } from "node:path";
import { createInterface } from "node:readline/promises";
import { Command, InvalidArgumentError, Option } from "commander";
import prettyMilliseconds from "pretty-ms";
import { movedConfiguration } from "../../config/moved.js";
import { resolveStack } from "../../config/resolve.js";
import type { Server, Site } from "../../config/site.js";
import { withAuthority } from "../../config/tls.js";
import { hostOf } from "../../hosts/index.js";
import { runbookFacts } from "../../installed/runbook/facts.js";
import { defined } from "../../postgres/defined.js";
import type { MoveWish, StackChange } from "../../postgres/move/model.js";
import { shownInLine } from "../../postgres/shown.js";
import { withLock } from "../../servers/data/lock.js";
import { dump } from "../../servers/dump/dump.js";
import type { MoveAsked } from "../../servers/move/asked.js";
import { commitMove, goBack, sinceMoved } from "../../servers/move/back.js";
import { type MoveJournal, readJournal } from "../../servers/move/journal.js";
import { lookAtMove } from "../../servers/move/look.js";
import { moveServer } from "../../servers/move/move.js";
import { keptOf } from "../../servers/move/places.js";
import { MoveRefused } from "../../servers/move/refused.js";
import { openDatabases } from "../../servers/sql/counters.js";
import { administratorOf } from "../../servers/sql/login.js";
import {
  moveEventInWords,
  movePlanInWords,
  phaseInWords,
  stackChangeInWords,
  writtenSinceInWords,
} from "../../servers/words/move.js";
import { type FoundServer, findServer, say } from "../find.js";
import { projectFolder, readConfiguration } from "../load.js";
import { showProgress } from "../progress.js";
import { absolute } from "./dump.js";

interface Flags {
  readonly to?: string;
  readonly dataDirectory?: string;
  readonly stack?: string[];
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly acceptCollation?: boolean;
  readonly way?: MoveWish;
  readonly jobs?: number;
}

const stacks = ["--stack <name...>", "stacks to look for it in (default: all)"] as const;

/** `pgsite move`: a single server to another host or path; `status`, `rollback` and `commit` of one that has begun. */
export function moveCommand(): Command {
  const command = new Command("move")
    // What stands after `commit` is commit's.
    .enablePositionalOptions()
    .description(
      "move a single server to another host, or another path, by its files or by dump and restore; kept until commit",
    )
    .argument("[server]", "the server; alone, a move that has begun goes on")
    .option("--to <host>", "a key of hosts:, or an address that is reached as its host is")
    .option("--data-directory <path>", "where its data are to be (default: the same path)", absolute)
    .option(...stacks)
    .option("--dry-run", "look at both places and say what would be done; nothing is changed")
    .option("--yes", "without a question before it begins")
    .addOption(
      new Option(
        "--way <way>",
        "by its files, or by dump and restore (default: by its files where these are good there)",
      )
        .choices(["auto", "archive", "dump"])
        .default("auto"),
    )
    .option(
      "--jobs <number>",
      "how many workers a dump and restore has (default: as upgrade.jobs says, else 2)",
      workers,
    )
    .option("--accept-collation", "by its files also where the new host sorts otherwise: REINDEX is run afterwards")
    .action((name: string | undefined, flags: Flags) => run(name, flags));
  command
    .command("status")
    .description("how far a move has come")
    .argument("<server>")
    .option(...stacks)
    .action(async (name: string, { stack }: Flags) => status(await begun(name, stack)));
  command
    .command("rollback")
    .description("back to the old place, from wherever it has come to; until commit")
    .argument("<server>")
    .option(...stacks)
    .option("--save <folder>", "dump first what the new place has, each database into a file of this folder", resolved)
    .option("--yes", "without a question")
    .action((name: string, flags: Flags & { readonly save?: string }) => rollback(name, flags));
  command
    .command("commit")
    .description("take the old data away: from then on there is no way back")
    .argument("<server>")
    .option(...stacks)
    .option("--yes", "without a question")
    .action(async (name: string, { stack, yes }: Flags) => {
      const { journal } = await begun(name, stack);
      if (
        !(await agreed(
          `remove what is left at the old place (${journal.way === "rename" ? journal.from.controlDirectory : keptOf(journal)})?`,
          yes,
        ))
      )
        return;
      await withLock(hostOf(journal.to.host), journal.to, `committing the move of ${name}`, () => commitMove(journal));
      say(`${name}: what was left at the old place is gone`);
    });
  return command;
}

async function run(name: string | undefined, flags: Flags): Promise<void> {
  const found = await findServer(name, flags.stack);
  const { server, signal, passwords } = found;
  const { asked, changes } = await target(found, flags);
  if (changes !== undefined) {
    const journal = await readJournal(server);
    if (journal === undefined) {
      const { facts, refusals } = await lookAtMove(asked);
      if (refusals.length > 0 || facts === undefined) throw new MoveRefused(server.name, refusals);
      say(movePlanInWords(facts, changes).join("\n"));
    } else say(`${server.name}: ${phaseInWords(journal.phase)}`);
  }
  if (flags.dryRun === true) return say("nothing was changed (--dry-run)");
  if (!(await agreed(`move ${server.name} now?`, flags.yes))) return;
  const { journal } = await moveServer({
    ...asked,
    passwords,
    signal,
    report: (event) => say(moveEventInWords(event)),
    progress: showProgress(),
  });
  say(
    [
      `${server.name} is at ${journal.to.dataDirectory} on ${journal.to.host.name} (${journal.to.host.address})`,
      ...stackChangeInWords(changes ?? []),
      "then pulumi up (it installs the service, runbook and jobs there), and, once it is proven, pgsite move commit",
    ].join("\n"),
  );
}

/** Where it goes: as it is said, or as the move has it that has begun. */
async function target(
  { site, server, passwords, signal }: FoundServer,
  flags: Flags,
): Promise<{ readonly asked: MoveAsked; readonly changes?: readonly StackChange[] }> {
  const { acceptCollation, way: wish, jobs } = flags;
  const common = { passwords, signal, ...defined({ acceptCollation, wish, jobs }) };
  if (flags.to === undefined && flags.dataDirectory === undefined) {
    const journal = await readJournal(server);
    if (journal === undefined) throw new Error("say where it goes: --to HOST, --data-directory PATH, or both");
    const { from, to } = journal;
    return { asked: { ...common, site: withServer(site, from), moved: withServer(site, to), server: from, to } };
  }
  const raw = await readConfiguration(projectFolder(), site.stack);
  const place = defined({ host: flags.to, dataDirectory: flags.dataDirectory });
  const { raw: changed, changes } = movedConfiguration(raw, server.name, place);
  const { stack, problems } = resolveStack(site.stack, changed);
  const errors = problems.filter(({ severity }) => severity === "error");
  const to = stack?.site.servers.find((one) => one.name === server.name);
  if (stack === undefined || to === undefined || errors.length > 0) {
    const lines = errors.map(({ path, message }) => `  ${shownInLine(`${path}: ${message}`)}`);
    throw new Error(`the stack file would not be valid with that:\n${lines.join("\n")}`);
  }
  // By the authority that it is known by.
  const { tls } = server.proof;
  const moved = tls === "none" ? stack.site : withAuthority(stack.site, tls.authority);
  const proven = moved.servers.find((one) => one.name === server.name) ?? to;
  const inputs = stack.inputs[server.name];
  // As the next `up` renders it.
  const runbook = inputs === undefined ? undefined : runbookFacts(proven, inputs);
  return { asked: { ...common, site, moved, server, to: proven, ...defined({ runbook }) }, changes };
}

function withServer(site: Site, server: Server): Site {
  return { ...site, servers: site.servers.map((one) => (one.name === server.name ? server : one)) };
}

interface Begun extends FoundServer {
  readonly journal: MoveJournal;
}

async function begun(name: string, stack: readonly string[] | undefined): Promise<Begun> {
  const found = await findServer(name, stack);
  const journal = await readJournal(found.server);
  if (journal === undefined) throw new MoveRefused(name, [{ code: "none under way", server: name }]);
  return { ...found, journal };
}

async function status({ journal, site, passwords, signal }: Begun): Promise<void> {
  const { from, to, phase, downtime } = journal;
  const place = ({ dataDirectory, host }: Server) => `${dataDirectory} on ${host.name} (${host.address})`;
  say(`${from.name}: from ${place(from)} to ${place(to)}`);
  say(phaseInWords(phase));
  if (downtime !== undefined) say(`nobody could work for ${prettyMilliseconds(downtime * 1000)}`);
  const since = await sinceMoved(journal, { login: administratorOf(site, passwords), signal });
  if (since !== undefined) say(writtenSinceInWords(since).join("\n"));
  say(
    phase === "done"
      ? "pgsite move commit, or pgsite move rollback"
      : "pgsite move SERVER goes on, pgsite move rollback goes back",
  );
}

async function rollback(name: string, flags: Flags & { readonly save?: string }): Promise<void> {
  const { journal, site, passwords, signal } = await begun(name, flags.stack);
  const login = administratorOf(site, passwords);
  const since = await sinceMoved(journal, { login, signal });
  if (since !== undefined) say(writtenSinceInWords(since).join("\n"));
  else if (journal.phase === "done" && journal.way !== "rename") {
    say("what was written at the new place is not known: it cannot be asked");
  }
  if (flags.save !== undefined) {
    const folder = flags.save;
    const moved = withServer(site, journal.to);
    for (const database of await openDatabases({ server: journal.to, login, signal })) {
      const to = { on: "here" as const, path: join(folder, `${encodeURIComponent(database)}.dump`) };
      const made = await dump({ site: moved, server: journal.to, passwords, signal, database, to });
      say(`${database} is saved in ${made.path}`);
    }
  }
  const lost =
    since === undefined || flags.save !== undefined ? "" : " What was written there since is not at the old place.";
  if (!(await agreed(`go back to ${journal.from.dataDirectory} on ${journal.from.host.name}?${lost}`, flags.yes)))
    return;
  await withLock(hostOf(journal.from.host), journal.from, `taking ${name} back`, () =>
    goBack(journal, { login, signal, report: (event) => say(moveEventInWords(event)) }),
  );
  say("the stack file has to say the old place again, if it was changed");
}

async function agreed(question: string, yes: boolean | undefined): Promise<boolean> {
  if (yes === true) return true;
  if (!process.stdin.isTTY) throw new Error(`nobody can be asked (${question}): say --yes`);
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await asking.question(`${question} [y/N] `)).trim());
  } finally {
    asking.close();
  }
}

function workers(text: string): number {
  const jobs = Number(text);
  if (Number.isInteger(jobs) && jobs >= 1 && jobs <= 64) return jobs;
  throw new InvalidArgumentError("1 to 64");
}

function resolved(path: string): string {
  return resolve(path);
}
