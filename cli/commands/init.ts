import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { text as textOf } from "node:stream/consumers";
import { Command, Option } from "commander";
import { layoutNames } from "../../config/layouts.js";
import { passwordKey } from "../../config/parse.js";
import { type ResolvedStack, resolveStack } from "../../config/resolve.js";
import { hostOf } from "../../hosts/index.js";
import { shownInLine } from "../../postgres/shown.js";
import type { Finding } from "../../preflight/finding.js";
import { preflight } from "../../preflight/index.js";
import { sortedFindings } from "../../preflight/list.js";
import { requestOf } from "../../preflight/request.js";
import type { Seen } from "../../preflight/survey/facts.js";
import { survey } from "../../preflight/survey/look.js";
import { say } from "../find.js";
import { rawOf } from "../import/stackFile.js";
import { specOf } from "../init/hostArgument.js";
import { described } from "../init/propose.js";
import { type BackEnd, backEndFor, makeStack, setSecret } from "../init/pulumi.js";
import { type Asker, whoCanBeAsked } from "../init/questions.js";
import { type InitFlags, nameAll, settle } from "../init/settle.js";
import { type NewSite, stackTextOf } from "../init/stackText.js";
import { alreadyThere, writeNew } from "../init/write.js";
import { projectFolder } from "../load.js";
import { renderStackText, type StackText } from "../stackFile.js";

interface Options extends InitFlags {
  readonly passwords?: "generate" | "stdin";
  readonly secretsProvider?: string;
  readonly allowUnreachable?: boolean;
  readonly yes?: boolean;
}

/** `pgsite init`: a new site's stack file, from what its hosts have; its stack, and its passwords. */
export function initCommand(): Command {
  const several = (value: string, earlier: readonly string[] = []) => [...earlier, value];
  return new Command("init")
    .description("begin a site: look at its hosts, write a stack file, make the stack and its passwords")
    .option("--stack <name>", "the stack to be made, Pulumi.NAME.yaml")
    .option("--site <name>", "the site's name (default: the stack's)")
    .option("--host <host>", "a host: NAME=[LOGIN@]ADDRESS, or a name that ssh knows; once for each", several)
    .option("--login <user>", "whom to log in as, on hosts that do not say (default: as ssh decides)")
    .option("--address <address>", "PostgreSQL's address of a host, NAME=ADDRESS (default: found there)", several)
    .option("--primary <name>", "the host whose server takes writes")
    .option("--postgresql <version>", "the version (default: the newest that all hosts have)")
    .option("--port <port>", "of all servers (default: 5432, or the next that is free)")
    .option("--data-directory <folder>", "of all servers, or NAME=FOLDER (default: found there)", several)
    .addOption(
      new Option("--layout <name>", "where the servers have their parts: docs/layouts.md (default: plain)").choices(
        layoutNames,
      ),
    )
    .option("--os-user <user>", "who owns the data and runs the servers", "postgres")
    .option("--binaries <folder>", "folder of the server programs (default: found there)")
    .option("--install", "let pgsite install what hosts lack with their package manager (apt)")
    .addOption(
      new Option(
        "--passwords <how>",
        "generate them, or take them from standard input: one line each, the administrator's first",
      ).choices(["generate", "stdin"]),
    )
    .option("--secrets-provider <url>", "a key service in place of a passphrase, as for pulumi stack init")
    .option("--allow-unreachable", "go on without what hosts would tell that cannot be reached")
    .option("--yes", "ask nothing: take what is proposed")
    .action(init);
}

async function init(options: Options): Promise<void> {
  const project = projectFolder();
  const asker = options.passwords === "stdin" ? undefined : await whoCanBeAsked(options.yes === true);
  const named = await nameAll(options, asker);
  const path = join(project, `Pulumi.${named.stack}.yaml`);
  if (existsSync(path)) throw new Error(alreadyThere(path));
  const backEnd = await backEndFor(project, named.stack, options.secretsProvider, asker);

  const specs = await Promise.all(named.hosts.map((host) => specOf(host, options.osUser)));
  tell(`looking at ${specs.map(({ name, address }) => (name === address ? name : `${name} (${address})`)).join(", ")}`);
  const seen = await survey(specs, hostOf);
  await mustBeSeen(seen, options, asker);
  const site = await settle(named, seen, options, asker);
  for (const one of seen) if (!("unreachable" in one)) tellOf(one, site);

  const { stackText, resolved, findings, unable } = await judged(site);
  const keys = [...new Set([resolved.site.administrator, resolved.site.replicationRole])].map(passwordKey);
  const passwords = await passwordsFor(keys, options, asker);

  await writeNew(path, renderStackText(stackText));
  try {
    await makeStack(project, named.stack, backEnd);
  } catch (error) {
    await rm(path);
    throw error;
  }
  await setSecrets(project, named.stack, passwords, backEnd);
  say(`wrote ${basename(path)}, and made the stack ${named.stack} in ${backEnd.url}`);
  const [key = ""] = passwords.generated;
  if (key !== "") say(`generated ${passwords.generated.join(", ")}; to see one: pulumi config get ${key}`);
  if (unable.length > 0)
    say("\nthe stack file says service: { manager: none }, all else works; after a reboot servers start by hand:");
  for (const line of sortedFindings(unable).wrong) say(`  ${shownInLine(line)}`);
  const { wrong, worthKnowing } = sortedFindings(findings.filter(({ check }) => check !== "reachable"));
  if (wrong.length + worthKnowing.length > 0) say("\non the hosts:");
  for (const line of wrong) say(`  problem: ${shownInLine(line)}`);
  for (const line of worthKnowing) say(`  warning: ${shownInLine(line)}`);
  say(
    nextSteps({
      hasProblems: wrong.length > 0,
      askedPassphrase: "PULUMI_CONFIG_PASSPHRASE" in backEnd.env,
    }),
  );
}

/** The stack file and what the preflight says of it. Where nothing can start servers with their machines, it says that none does. */
async function judged(site: NewSite): Promise<Judged> {
  const stackText = stackTextOf(site);
  const resolved = resolvedOf(site, rawOf(stackText.keys));
  const { findings } = await preflight(requestOf(resolved.site), { hostOf, measure: false });
  const unable = findings.filter(({ check, severity }) => check === "service" && severity === "error");
  if (unable.length === 0) return { stackText, resolved, findings, unable };
  return { ...(await judged({ ...site, withoutService: [...new Set(unable.map(({ host }) => host))] })), unable };
}

interface Judged {
  readonly stackText: StackText;
  readonly resolved: ResolvedStack;
  readonly findings: readonly Finding[];
  /** Why the stack file leaves the servers' services out; empty if it does not. */
  readonly unable: readonly Finding[];
}

/** What happens, for whoever waits; what comes of it goes to standard output. */
function tell(line: string): void {
  process.stderr.write(`${shownInLine(line)}\n`);
}

/** A host that cannot be reached ends it, unless the user says that the rest will do. */
async function mustBeSeen(seen: readonly Seen[], options: Options, asker: Asker | undefined): Promise<void> {
  const unseen = seen.flatMap((one) => ("unreachable" in one ? [one] : []));
  if (unseen.length === 0) return;
  const lines = unseen.map(({ host, unreachable }) =>
    unreachable.startsWith(`${host.name} `) ? unreachable : `${host.name}: ${unreachable}`,
  );
  if (options.allowUnreachable === true) {
    for (const line of lines) tell(line);
    return;
  }
  if (asker !== undefined) {
    for (const line of lines) tell(line);
    const choices = [
      { value: "end", label: "end here" },
      { value: "go on", label: "go on without what they would tell" },
    ] as const;
    if ((await asker.select({ message: "Not every host could be looked at", choices })) === "go on") return;
    throw new Error("ended; nothing was written");
  }
  throw new Error(
    [...lines, "nothing was written; to go on without what such a host would tell: --allow-unreachable"].join("\n"),
  );
}

/** What a host has, and what is there that this leaves alone. */
function tellOf(host: Exclude<Seen, { unreachable: string }>, { version, servers, port }: NewSite): void {
  const { name } = host.host;
  tell(`${name}: ${described(host, version)}`);
  const server = servers.find((one) => one.host.name === name);
  if (server !== undefined && host.addresses.every(({ address }) => address !== server.host.address)) {
    const own = host.addresses.map(({ address }) => address).join(", ");
    if (own !== "")
      tell(
        `${name}: ${server.host.address} is not an address of its own (${own}): --address ${name}=ADDRESS names another`,
      );
  }
  for (const { dataDirectory, runs, ours, port: its } of host.clusters) {
    const what = [runs ? "running" : "stopped", ...(its === undefined ? [] : [`port ${its}`])].join(", ");
    const more = ours
      ? "made by pgsite"
      : `to describe and manage it: npx pgsite import --host ${name}=${host.host.address} --data-directory ${dataDirectory} --stack NAME`;
    tell(`${name}: a cluster in ${dataDirectory} (${what}) is left alone; ${more}`);
  }
  if (host.notAsUser !== undefined) tell(`${name}: ${reasonOf(host.notAsUser, name)}`);
  if (port !== 5432 && host.listens.includes(5432)) tell(`${name}: port 5432 is in use: ${port} is taken`);
}

function reasonOf(message: string, name: string): string {
  return message.replace(`${name} cannot be reached: `, "");
}

function resolvedOf({ stack }: NewSite, raw: Record<string, string>): ResolvedStack {
  const { stack: resolved, problems } = resolveStack(stack, raw);
  const errors = problems.filter(({ severity }) => severity === "error");
  if (resolved !== undefined && errors.length === 0) return resolved;
  const lines = errors.map(({ path, message }) => `  ${shownInLine(`${path}: ${message}`)}`);
  throw new Error(["such a stack file would not do; nothing was written:", ...lines].join("\n"));
}

interface Chosen {
  readonly values: Readonly<Record<string, string>>;
  readonly generated: readonly string[];
}

/** By key of the configuration. */
async function passwordsFor(keys: readonly string[], options: Options, asker: Asker | undefined): Promise<Chosen> {
  const how = options.passwords ?? (await howToGet(asker));
  if (how === "generate") {
    return {
      values: Object.fromEntries(keys.map((key) => [key, randomBytes(18).toString("base64url")])),
      generated: keys,
    };
  }
  if (how === "ask" && asker !== undefined) {
    const values: Record<string, string> = {};
    for (const key of keys) values[key] = await asker.secret(key);
    return { values, generated: [] };
  }
  const lines = (await textOf(process.stdin)).split(/\r?\n/);
  if (keys.some((_, index) => (lines[index] ?? "") === "")) {
    throw new Error(
      `--passwords stdin: standard input has ${keys.length} lines, ${keys.join(", then ")}; nothing was written`,
    );
  }
  return { values: Object.fromEntries(keys.map((key, index) => [key, lines[index] as string])), generated: [] };
}

async function howToGet(asker: Asker | undefined): Promise<"generate" | "ask"> {
  if (asker === undefined) return "generate";
  return asker.select({
    message: "The passwords of the administrator and of replication",
    choices: [
      { value: "generate", label: "generate them", hint: "kept encrypted in the stack file" },
      { value: "ask", label: "type them" },
    ],
  });
}

async function setSecrets(project: string, stack: string, { values }: Chosen, backEnd: BackEnd): Promise<void> {
  const keys = Object.keys(values);
  for (const [index, key] of keys.entries()) {
    try {
      await setSecret(project, stack, key, values[key] as string, backEnd);
    } catch (error) {
      const left = keys.slice(index).map((one) => `  pulumi config set --secret ${one} --stack ${stack}`);
      throw new Error([`${(error as Error).message}`, "the stack is there; what is left to do:", ...left].join("\n"));
    }
  }
}

interface Outcome {
  readonly hasProblems: boolean;
  /** Whether the passphrase was typed: nothing else on this machine has it. */
  readonly askedPassphrase: boolean;
}

function nextSteps({ hasProblems, askedPassphrase }: Outcome): string {
  return [
    "",
    hasProblems ? "next, once the problems are mended:" : "next:",
    ...(askedPassphrase
      ? ["  export PULUMI_CONFIG_PASSPHRASE_FILE=FILE   # a file with the passphrase: Pulumi would ask, pgsite cannot"]
      : []),
    "  pulumi preview   # what an up would do",
    "  pulumi up",
    "  npx pgsite status",
  ].join("\n");
}
