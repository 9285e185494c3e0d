import { posix } from "node:path";
import { viewersNames } from "../../config/controlDirectory.js";
import { type Application, configurationsFolder, type Viewers } from "../../config/viewers.js";
import type { Host } from "../../hosts/host.js";
import { pointLinks } from "../../installed/links.js";
import { compare } from "../../installed/listing.js";
import { must } from "../../installed/must.js";
import { applicationFile, beginsAnew, instancesOf, viewersMark } from "../../installed/viewers/httpd.js";
import { foldersOf, productFolders, versionFolder } from "../../installed/viewers/needs.js";
import { programNames, type ViewersFile, type ViewersPasswords, viewersFiles } from "../../installed/viewers/render.js";
import { unmetInWords } from "../words/viewers.js";
import { declaredOf, linksOf, listingOf, lookAtViewers, unmetOf, type ViewersLook } from "./look.js";

/** Says what is done. */
type Say = (message: string) => Promise<void>;

/** Waits as `viewers` itself does: a stop may take half a minute. */
const httpdTimeout = 120_000;

/**
 * Brings the viewers to what is declared. What leads applications to the primary comes first, whatever else is wrong there: a
 * failover at night is not to wait for a product that is missing. Then all that can be known beforehand, httpd's own test of the
 * staged configuration, and only then what httpd reads.
 * @param before those of the last time, whose files may have to go
 * @throws with one line, and what is live is as before
 */
export async function installViewers(
  host: Host,
  viewers: Viewers,
  passwords: ViewersPasswords,
  { before, say }: { readonly before?: Viewers | undefined; readonly say: Say },
): Promise<void> {
  const files = await viewersFiles(viewers, passwords);
  const look = await lookAtViewers(host, viewers, files);
  const unmet = unmetOf(look, viewers);
  const others = unmet.filter(({ why }) => why !== "missing");
  if (others.length > 0) throw new Error(unmetInWords(host.name, host.user, others));
  await makeFolders(host, viewers);
  const changed = await write(
    host,
    files.filter(({ kind }) => kind === "secret"),
    look,
  );
  const moved = await follow(host, viewers, linksOf(look, viewers.links));
  const read = viewers.configurations
    .map(({ name }) => name)
    .filter((name) => moved.includes(name) || changed.some((path) => posix.basename(path).startsWith(`${name}_`)));
  if (moved.length > 0 && instancesOf(viewers).some(({ suffix }) => look.httpd[suffix].runs)) {
    // Of a dead server's connections a process may hang, and not notice a touch: the program ends it.
    const failed = await run(host, viewers, "renew");
    if (failed !== undefined) await say(notAnew("what the viewers run", host, failed));
  } else await beginAnew(host, viewers, concerned(viewers.applications, read), look, say);

  if (unmet.length > 0) throw new Error(unmetInWords(host.name, host.user, unmet));
  const httpd = files.filter(({ kind }) => kind === "httpd");
  if (!viewers.rehearsed) await test(host, viewers, httpd);
  await write(
    host,
    files.filter(({ kind }) => kind === "page"),
    look,
  );
  const runs = instancesOf(viewers).every(({ suffix }) => look.httpd[suffix].runs);
  if (runs) await keepBefore(host, viewers);
  await write(
    host,
    files.filter(({ kind }) => kind === "program"),
    look,
  );
  await write(host, httpd, look);
  const updated = await currentProducts(host, viewers, linksOf(look, viewers.links));
  if (viewers.rehearsed) return;
  const failed = await run(host, viewers, "reload");
  if (failed !== undefined) {
    const back = runs ? await putBack(host, viewers) : "";
    throw new Error(`the web viewers on ${host.name}: ${failed}${back}`);
  }
  if (runs) await host.remove(posix.join(viewers.folder, viewersNames.before));
  if (before !== undefined) await removeLeft(host, viewers, before);
  await beginAnew(host, viewers, updated, look, say);
}

/** Has the viewers' own program do something. @returns why it did not */
async function run(host: Host, { bin }: Viewers, what: "reload" | "renew"): Promise<string | undefined> {
  const argv = [posix.join(bin, programNames.viewers), what];
  const { code, stdout, stderr } = await host.run(argv, { timeout: httpdTimeout });
  return code === 0 ? undefined : oneLine(stderr || stdout);
}

/**
 * What httpd reads now, in case that it does not start with what its own test has passed: modules may mind each other only then. What
 * cannot be read (somebody else's, with another mode) is not kept.
 */
const keeping = `cd -- "$1" && rm -rf -- "$2" && mkdir -m 700 -- "$2" "$2/conf.d" || exit
cp -p -- conf.d/*.conf "$2/conf.d" 2>/dev/null
cp -p -- httpd*.conf "$3/viewers.settings" "$3/viewers.tables" "$2" 2>/dev/null
exit 0`;
const puttingBack = `cd -- "$1" || exit
for file in "$2"/conf.d/*.conf "$2"/httpd*.conf; do [ ! -f "$file" ] || mv -f -- "$file" "\${file#"$2/"}" || exit; done
for file in "$2"/viewers.*; do [ ! -f "$file" ] || mv -f -- "$file" "$3" || exit; done
rm -rf -- "$2"`;

async function keepBefore(host: Host, { folder, bin }: Viewers): Promise<void> {
  await must(host, ["sh", "-c", keeping, "sh", folder, viewersNames.before, bin]);
}

/** Puts that in force again. @returns what came of it, as the end of a sentence */
async function putBack(host: Host, viewers: Viewers): Promise<string> {
  await must(host, ["sh", "-c", puttingBack, "sh", viewers.folder, viewersNames.before, viewers.bin]);
  const failed = await run(host, viewers, "reload");
  return failed === undefined
    ? "; the configuration that it had before is in force again"
    : `; nor is it in force again with the configuration that it had before: ${failed}`;
}

async function makeFolders(host: Host, viewers: Viewers): Promise<void> {
  // Nobody installs products into a rehearsal, and links need somewhere to lead.
  const rehearsed = viewers.rehearsed ? viewers.applications : [];
  const products = rehearsed.map((one) => ({ path: versionFolder(one), mode: 0o755 }));
  for (const { path, mode } of [...foldersOf(viewers), ...products]) {
    await host.makeDirectory(path, mode).catch((error: unknown) => {
      const why = error instanceof Error ? oneLine(error.message) : `${error}`;
      throw new Error(
        `the web viewers on ${host.name}: ${path} is missing and cannot be made as ${host.user} (${why}): have root make it (install -d -o ${host.user} ${path})`,
        { cause: error },
      );
    });
  }
}

/** Files that are not as declared. @returns their paths */
async function write(host: Host, files: readonly ViewersFile[], look: ViewersLook): Promise<readonly string[]> {
  const differing = compare(declaredOf(files, host.user), listingOf(look, files)).map(({ name }) => name);
  for (const { path, content, mode } of files) {
    if (differing.includes(path)) await host.writeFile(path, content, { mode });
  }
  return differing;
}

/** Moves what leads to the primary's configurations. @returns names of links that were moved */
async function follow(host: Host, viewers: Viewers, is: Viewers["links"]): Promise<readonly string[]> {
  const folder = configurationsFolder(viewers);
  const moved = Object.entries(viewers.links).filter(
    ([path, target]) => posix.dirname(path) === folder && is[path] !== target,
  );
  if (moved.length > 0) await pointLinks(host, folder, byName(moved), { replaces: true });
  return moved.map(([path]) => posix.basename(path));
}

/** Moves the products' links, and html's to them. @returns applications that another version of their product runs from now on */
async function currentProducts(host: Host, viewers: Viewers, is: Viewers["links"]): Promise<readonly Application[]> {
  const moved = Object.entries(viewers.links).filter(([path, target]) => is[path] !== target);
  for (const folder of [...productFolders(viewers), viewers.html]) {
    const there = moved.filter(([path]) => posix.dirname(path) === folder);
    if (there.length > 0) await pointLinks(host, folder, byName(there), { replaces: true });
  }
  return viewers.applications.filter(({ current }) => moved.some(([path]) => path === current));
}

function byName(links: readonly (readonly [string, string])[]): Readonly<Record<string, string>> {
  return Object.fromEntries(links.map(([path, target]) => [posix.basename(path), target]));
}

/** Those that read one of these configurations. */
function concerned(applications: readonly Application[], read: readonly string[]): readonly Application[] {
  if (read.length === 0) return [];
  return applications.filter(({ configuration }) => configuration === undefined || read.includes(configuration));
}

/**
 * A touch, which the processes of mod_wsgi notice at their next request, one after the other; or a graceful restart of an httpd that has
 * mod_python's applications to itself, whose processes serve to the end what they have begun.
 */
async function beginAnew(
  host: Host,
  viewers: Viewers,
  applications: readonly Application[],
  { httpd }: ViewersLook,
  say: Say,
): Promise<void> {
  if (viewers.rehearsed) return;
  let renews = false;
  for (const instance of instancesOf(viewers)) {
    for (const { name, script } of instance.applications.filter((one) => applications.includes(one))) {
      if (beginsAnew(instance)) {
        renews ||= httpd[instance.suffix].runs;
        continue;
      }
      const { code, stderr } = await host.run(["sh", "-c", 'exec touch -c -- "$1"', "sh", script]);
      if (code !== 0) await say(notAnew(name, host, `${oneLine(stderr)}: make ${script} ${host.user}'s`));
    }
  }
  if (!renews) return;
  const failed = await run(host, viewers, "renew");
  if (failed !== undefined) await say(notAnew("what mod_python runs", host, failed));
}

function notAnew(name: string, host: Host, why: string): string {
  return `${name} on ${host.name} was not told to begin anew, and may go on with what it has read (${why}): viewers restart, on ${host.name}, has all begin anew`;
}

/** What httpd itself says of the configuration that it is to get. Nothing of it is live meanwhile. */
async function test(host: Host, viewers: Viewers, files: readonly ViewersFile[]): Promise<void> {
  const { folder, httpd } = viewers;
  const staged = posix.join(folder, viewersNames.staged);
  await host.remove(staged);
  try {
    await host.makeDirectory(staged);
    await host.makeDirectory(posix.join(staged, "conf.d"));
    for (const { path, content, mode } of files) {
      await host.writeFile(posix.join(staged, posix.relative(folder, path)), content, { mode });
    }
    for (const { suffix } of instancesOf(viewers)) {
      const argv = [httpd.program, "-t", "-d", staged, "-f", posix.join(staged, `httpd${suffix}.conf`)];
      const { code, stderr, stdout } = await host.run(argv);
      if (code === 0) continue;
      throw new Error(
        `httpd on ${host.name} does not take the viewers' configuration, and what is live stays: ${httpdWords(stderr + stdout, staged, folder)}`,
      );
    }
  } finally {
    await host.remove(staged);
  }
}

/** httpd's own words on one line, without what it only warns of, and with the paths that its files are to have. */
export function httpdWords(text: string, staged: string, folder: string): string {
  const lines = text
    .split("\n")
    .filter((line) => !/^AH00558|: Warning: |^Syntax OK$|^\[[^\]]*:(warn|notice)\]/.test(line));
  return oneLine(lines.join(" ").replaceAll(staged, folder));
}

function oneLine(text: string): string {
  return text.trim().replaceAll(/\s+/g, " ");
}

/** Files of applications that are no longer declared. Nothing includes them; one without our mark is somebody else's. */
async function removeLeft(host: Host, viewers: Viewers, before: Viewers): Promise<void> {
  if (before.folder !== viewers.folder) return;
  const names = viewers.applications.map(({ name }) => name);
  for (const { name } of before.applications.filter((one) => !names.includes(one.name))) {
    const path = posix.join(before.folder, applicationFile(name));
    const text = (await host.readFile(path))?.toString("utf8");
    if (text?.includes(viewersMark(before)) === true) await host.remove(path);
  }
}
