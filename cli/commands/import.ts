import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Command } from "commander";
import { controlNames } from "../../config/controlDirectory.js";
import { defined } from "../../postgres/defined.js";
import { say, sayJson } from "../find.js";
import { isHere } from "../here.js";
import { adoptAll, type ImportPlan, isName, planImport } from "../import/import.js";
import { otherJobWords } from "../import/otherJobs.js";
import type { Place } from "../import/read.js";
import { projectFolder } from "../load.js";

interface Options {
  readonly host: readonly string[];
  readonly dataDirectory: readonly string[];
  readonly name?: readonly string[];
  readonly site?: string;
  readonly stack: string;
  readonly administrator: string;
  readonly standalone?: boolean;
  readonly adopt?: boolean;
  readonly json?: boolean;
}

/** `pgsite import`: hand-made servers become a stack, and nothing on them changes. */
export function importCommand(): Command {
  const several = (value: string, earlier: readonly string[] = []) => [...earlier, value];
  return new Command("import")
    .description("describe running servers that were made by hand as a stack; with --adopt, take them over")
    .requiredOption("--host <host>", "a server's host: ADDRESS, or NAME=ADDRESS; once for each server", several)
    .requiredOption("--data-directory <folder>", "its data directory, in the same order", several)
    .option("--name <name>", "its name in the stack (default: a standby's application_name, else its host)", several)
    .requiredOption("--stack <name>", "the stack to be written, Pulumi.NAME.yaml")
    .option("--site <name>", "the site's name (default: the stack's)")
    .option(
      "--administrator <role>",
      "a superuser; its password comes from PGPASSWORD or ~/.pgpass, and none is needed where the OS user is let in by peer",
      "postgres",
    )
    .option("--standalone", "the database exists once: the stack has this one server, and a second one is refused")
    .option("--adopt", "write the stack file, and mark the data directories as known to pgsite")
    .option("--json", "for programs")
    .action(async (options: Options) => {
      const { host: hosts, dataDirectory: folders, stack, administrator, site = stack } = options;
      if (hosts.length !== folders.length) {
        throw new Error(
          `name a data directory for each host: ${hosts.length} --host, ${folders.length} --data-directory`,
        );
      }
      const places = await Promise.all(hosts.map((host, index) => placeOf(host, index, folders[index] as string)));
      const plan = await planImport({
        site,
        stack,
        administrator,
        password: process.env.PGPASSWORD,
        places,
        ...defined({ standalone: options.standalone }),
        ...(options.name === undefined ? {} : { names: options.name }),
      });
      const file = `Pulumi.${stack}.yaml`;
      if (options.adopt !== true) {
        if (options.json === true) return sayJson(asData(plan, undefined));
        say(plan.stackFile);
        say(report(plan));
        say(`\nNothing was written. With --adopt, pgsite import writes ${file} as above, and on the hosts:`);
        for (const { server } of plan.servers) say(`  ${server.controlDirectory} on ${server.host.name}: ${marks}`);
        return;
      }
      const path = join(projectFolder(), file);
      if (existsSync(path))
        throw new Error(`${path} is there already: move it away, or choose another --stack; nothing was written`);
      await adoptAll(plan);
      await writeFile(path, plan.stackFile, { flag: "wx" });
      if (options.json === true) return sayJson(asData(plan, path));
      say(report(plan));
      say(`\nWrote ${path}, and on the hosts, beside the data directories:`);
      for (const { server } of plan.servers) say(`  ${server.controlDirectory} on ${server.host.name}: ${marks}`);
      say(nextSteps(plan, stack));
    });
}

const marks = `${controlNames.identity}, ${controlNames.adopted} and copies of the files in ${controlNames.adoptedFiles}/`;

/** As `--json` prints it (docs/import.md). @param written the stack file, where it was written */
function asData({ stackFile, passwords, secrets, notes, firstWrites, otherJobs }: ImportPlan, written?: string) {
  return { stackFile, passwords, secrets, notes, firstWrites, otherJobs, ...defined({ written }) };
}

function report({ notes, firstWrites, otherJobs }: ImportPlan): string {
  const others = otherJobs.flatMap(({ host, found, unread }) => [
    ...found.map((job) => `${host}: ${otherJobWords(job)}`),
    ...unread.map(({ file, why }) => `${host}: what is in ${file} is not known: ${why}`),
  ]);
  const writes = firstWrites.filter(({ changes }) => changes.length > 0);
  return [
    ...(others.length === 0
      ? []
      : [
          "Found, not taken: what runs beside the servers goes on as it is (backups, watch and mail of a stack file do the like):",
          ...others.map((line) => `  ${line}`),
        ]),
    ...(notes.length === 0 ? [] : ["The stack file does not say:", ...notes.map((note) => `  ${note}`)]),
    ...(writes.length === 0
      ? []
      : [
          "The files stay as they are until the stack file asks for a change of theirs. When pgsite then writes them:",
          ...writes.flatMap(({ name, changes }) => changes.map((change) => `  ${name}: ${change}`)),
        ]),
  ].join("\n");
}

function nextSteps({ passwords, secrets }: ImportPlan, stack: string): string {
  return [
    ...passwords.map(({ role, isSet }) => (isSet ? keptPassword(role) : newPassword(role))),
    "Now run:",
    `  pulumi stack init ${stack}`,
    ...passwords.map(({ key }) => `  pulumi config set --secret ${key} --stack ${stack}`),
    ...secrets.map(
      (place) =>
        `  pulumi config set --secret --path '${place}' --stack ${stack}   # all of it: the stack file has its secret masked`,
    ),
    `  pulumi up --stack ${stack}        # takes the servers into Pulumi's state; changes nothing on them`,
    `  pulumi preview --stack ${stack}   # no difference`,
  ].join("\n");
}

function keptPassword(role: string): string {
  return `The password of ${role} cannot be read from a server: give the one that it has. With another, the first preview shows that, and pulumi up sets it.`;
}

function newPassword(role: string): string {
  return `${role} has no password yet: choose one, and pulumi up sets it.`;
}

async function placeOf(given: string, index: number, dataDirectory: string): Promise<Place> {
  const [, named, address = given] = /^([^=]+)=(.+)$/.exec(given) ?? [];
  const short = address.split(".")[0] ?? "";
  const host = named ?? (/^[\d.]+$|:/.test(address) || !isName(short) ? `server-${index + 1}` : short);
  if (!isName(host)) throw new Error(`"${host}" is no name for a host: lower-case letters, digits, - and _`);
  if (!dataDirectory.startsWith("/")) throw new Error(`--data-directory ${dataDirectory} is not absolute`);
  const plain = dataDirectory.length > 1 ? dataDirectory.replace(/\/+$/, "") : dataDirectory;
  return { host, address, transport: (await isHere(address)) ? "local" : "ssh", dataDirectory: plain };
}
