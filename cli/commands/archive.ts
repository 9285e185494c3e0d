import { userInfo } from "node:os";
import { Command, InvalidArgumentError, Option } from "commander";
import prettyBytes from "pretty-bytes";
import type { Server, Site } from "../../config/site.js";
import type { HostSpec } from "../../hosts/host.js";
import { hostOf } from "../../hosts/index.js";
import { parseReal } from "../../postgres/settings/quantities.js";
import { createArchive } from "../../servers/archive/create.js";
import { type Compressor, compressors, readManifest } from "../../servers/archive/manifest.js";
import { restoreArchive } from "../../servers/archive/restore.js";
import { type Joined, joinSite } from "../../servers/archive/start.js";
import { refuseUnproven } from "../../servers/archive/trust.js";
import { checkSizes, checkSums, describeArchive } from "../../servers/archive/verify.js";
import { mebibyte } from "../../servers/archive/write.js";
import { provenInWords } from "../../servers/words/proven.js";
import { say } from "../find.js";
import { interrupted, type LoadedSite, loadSites } from "../load.js";
import { showProgress } from "../progress.js";

/** `pgsite archive`: a mirror's data carried by any means, where the way is too long for a copy (docs/archive.md). */
export function archiveCommand(): Command {
  return new Command("archive")
    .description("make an archive of a site's data, verify it, and make a mirror of it elsewhere, days later")
    .addCommand(createCommand())
    .addCommand(verifyCommand())
    .addCommand(restoreCommand());
}

interface CreateFlags {
  readonly stack?: string;
  readonly server?: string;
  readonly output: string;
  readonly on?: string;
  readonly split: number;
  readonly compress?: Compressor;
  readonly slot?: string;
  readonly rateLimit?: number;
}

function createCommand(): Command {
  return new Command("create")
    .description("make an archive of the server that takes writes")
    .option("--stack <name>", "the stack that has the primary (default: the only one)")
    .option("--server <name>", "refuse where another server takes writes")
    .requiredOption("--output <folder>", "a folder of its own, absolute; made where it is missing", folder)
    .addOption(onOption("the folder is (default: the server's own)"))
    .option("--split <size>", "cut it into parts of this size, in whole MB", splitSize, 1024 * mebibyte)
    .addOption(new Option("--compress <how>", "default: zstd where the host has it, else gzip").choices(compressors))
    .option("--slot <name>", "keep the WAL by this physical slot (9.6 and later) until the mirror streams by it")
    .option("--rate-limit <bytes>", "read at most so much a second: 20MB", bytes)
    .action(async (flags: CreateFlags) => {
      const { site, passwords, signal } = await stackWithPrimary(flags.stack);
      const { stack: _stack, output, on, ...rest } = flags;
      const created = await createArchive({
        ...rest,
        site,
        passwords,
        signal,
        folder: output,
        ...(on === undefined ? {} : { on: hostNamed(site, on) }),
        report: say,
        progress: showProgress(process.stderr, "archived"),
      });
      say(describeArchive(created));
      say(`in ${output} on ${created.host}; verify it where it arrives: pgsite archive verify FOLDER`);
      say(
        `whoever restores it gives that SHA-256 (--sha256 ${created.sha256}): tell it on another way than the archive goes`,
      );
      say(created.kept);
    });
}

function verifyCommand(): Command {
  return new Command("verify")
    .description("read an archive, and say what it is: exit code 0 if it is whole")
    .argument("<folder>", "the archive, absolute", folder)
    .addOption(onOption("the archive is (default: this machine)"))
    .option("--stack <name>", "the stack that has that host")
    .option("--sha256 <digest>", "refuse any but the archive whose manifest has this SHA-256", digest)
    .action(async (path: string, { on, stack, sha256 }: { on?: string; stack?: string; sha256?: string }) => {
      const loaded = on === undefined ? undefined : await loadSites(stack === undefined ? undefined : [stack]);
      const sites = loaded?.map(({ site }) => site) ?? [];
      const host = hostOf(on === undefined ? thisMachine() : hostAmong(sites, on));
      const signal = loaded?.[0]?.signal ?? interrupted();
      const read = await readManifest(host, path);
      if (sha256 !== undefined) refuseUnproven(read.sha256, { sha256 }, `${path} on ${host.name}`);
      await checkSizes(host, path, read.manifest);
      await checkSums(host, path, read.manifest, { progress: showProgress(process.stderr, "read"), signal });
      say(`whole: ${describeArchive(read)}`);
    });
}

interface RestoreFlags {
  readonly stack?: string;
  readonly from: string;
  readonly on?: string;
  readonly sha256?: string;
  readonly trustCarrier?: boolean;
  readonly tablespace?: ReadonlyMap<string, string>;
  readonly start: boolean;
  readonly timeout: number;
}

function restoreCommand(): Command {
  return new Command("restore")
    .description("make a mirror of an archive: verify, unpack, start, and prove that it streams")
    .argument("[server]", "the server to be filled (default: the only one of the stack that follows another)")
    .option("--stack <name>", "its stack (default: all)")
    .requiredOption("--from <folder>", "the archive, absolute", folder)
    .addOption(onOption("the archive is (default: the server's own)"))
    .option("--sha256 <digest>", "the SHA-256 of its manifest, as pgsite archive create printed it", digest)
    .option("--trust-carrier", "without it: vouch for everybody who had the archive in hands")
    .option(
      "--tablespace <location[=folder]>",
      "on another machine: a tablespace may go to the same folder, or to another; for each",
      tablespace,
    )
    .option("--no-start", "unpack it, and leave the start to pulumi up")
    .option("--timeout <seconds>", "how long it may take to stream, once started", (text) => Number(text), 60)
    .action(async (name: string | undefined, flags: RestoreFlags) => {
      const { site, server, passwords, signal } = await standbyOf(name, flags.stack);
      const { manifest, kept } = await restoreArchive({
        site,
        server,
        passwords,
        folder: flags.from,
        trust: {
          ...(flags.sha256 === undefined ? {} : { sha256: flags.sha256 }),
          ...(flags.trustCarrier === true ? { carrier: true } : {}),
          ...(flags.tablespace === undefined ? {} : { tablespaces: flags.tablespace }),
        },
        ...(flags.on === undefined ? {} : { on: hostNamed(site, flags.on) }),
        signal,
        report: say,
        progress: (verb) => showProgress(process.stderr, verb),
      });
      say(`${server.name} has the data of ${manifest.source.server}: ${prettyBytes(manifest.unpacked)} unpacked`);
      if (flags.start) {
        say(
          describeJoined(
            server,
            await joinSite({ site, server, passwords, signal, kept, deadline: flags.timeout * 1000 }),
          ),
        );
      }
      say(`pulumi up --stack ${site.stack} takes it into the stack as it is`);
    });
}

function describeJoined({ name }: Server, joined: Joined): string {
  switch (joined.kind) {
    case "works":
      return `${name} started and ${provenInWords(joined.proof)}`;
    case "catchesUp":
      return `${name} started and catches up: ${joined.why}; pgsite status shows how far it is`;
    case "unproven":
      return `${name} started; whether it streams is not proven: ${joined.why}`;
    case "left":
      return `${name} is left to pulumi up, whose rollout starts it: its data ask for ${joined.missing.join(", ")}`;
  }
}

function onOption(what: string): Option {
  return new Option("--on <server>", `where ${what}: a server of the stack, its host, or "local" for this machine`);
}

/** The stack that an archive is made in. */
async function stackWithPrimary(name: string | undefined): Promise<LoadedSite> {
  const loaded = await loadSites(name === undefined ? undefined : [name]);
  const found = name === undefined ? loaded.filter(({ site }) => site.primary !== undefined) : loaded;
  const [first, ...others] = found;
  if (first !== undefined && others.length === 0) return first;
  const names = loaded.map(({ site }) => site.stack).join(", ");
  throw new Error(`name the stack that has the primary (--stack): there are ${names}`);
}

async function standbyOf(
  name: string | undefined,
  stack: string | undefined,
): Promise<LoadedSite & { readonly server: Server }> {
  const loaded = await loadSites(stack === undefined ? undefined : [stack]);
  const all = loaded.flatMap((one) => one.site.servers.map((server) => ({ ...one, server })));
  const found = all.filter(({ server }) => (name === undefined ? server.upstream !== undefined : server.name === name));
  const [first, ...others] = found;
  if (first !== undefined && others.length === 0) return first;
  const names = all.map(({ server }) => server.name).join(", ");
  throw new Error(
    name !== undefined && first === undefined
      ? `there is no server "${name}" in ${loaded.map(({ site }) => site.stack).join(", ")}; there are ${names}`
      : `name the server and its stack (pgsite archive restore --stack STACK SERVER): there are ${names}`,
  );
}

function hostNamed(site: Site, name: string): HostSpec {
  return hostAmong([site], name);
}

function hostAmong(sites: readonly Site[], name: string): HostSpec {
  if (name === "local") return thisMachine();
  const specs = sites.flatMap(({ servers, upstream }) => [...servers, ...(upstream === undefined ? [] : [upstream])]);
  const found = specs.find(({ host }) => host.name === name) ?? specs.find((server) => server.name === name);
  if (found !== undefined) return found.host;
  const names = [...new Set(specs.flatMap(({ host, ...server }) => [server.name, host.name])), "local"];
  throw new Error(`there is no server "${name}", and no host with one; there are ${names.join(", ")}`);
}

function thisMachine(): HostSpec {
  return { name: "this machine", transport: "local", address: "", user: userInfo().username };
}

function folder(text: string): string {
  const plain = text.length > 1 ? text.replace(/\/+$/, "") : text;
  if (/^\/[^\0\r\n]+$/.test(plain) && !plain.split("/").includes("..")) return plain;
  throw new InvalidArgumentError("an absolute path, without .. and line breaks.");
}

/** Read over the phone, it has groups and capitals. */
function digest(text: string): string {
  const plain = text.replace(/[\s:-]/g, "").toLowerCase();
  if (/^[0-9a-f]{64}$/.test(plain)) return plain;
  throw new InvalidArgumentError("the 64 hexadecimal digits that pgsite archive create printed.");
}

function tablespace(text: string, before: ReadonlyMap<string, string> = new Map()): ReadonlyMap<string, string> {
  const [location = "", to = location, ...more] = text.split("=");
  if (more.length > 0) throw new InvalidArgumentError("LOCATION, or LOCATION=FOLDER.");
  return new Map([...before, [folder(location), folder(to)]]);
}

function bytes(text: string): number {
  const parsed = parseReal("18", "B", text);
  if (parsed.ok && parsed.value >= 32 * 1024) return Math.floor(parsed.value);
  throw new InvalidArgumentError("a number of bytes with kB, MB or GB, and at least 32kB.");
}

function splitSize(text: string): number {
  const size = bytes(text);
  if (size >= mebibyte && size % mebibyte === 0) return size;
  throw new InvalidArgumentError("whole MB: 700MB, 4GB.");
}
