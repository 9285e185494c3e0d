import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { resolveStack } from "../../config/resolve.js";
import { hostOf } from "../../hosts/index.js";
import { runbookFacts } from "../../installed/runbook/facts.js";
import { installRunbook } from "../../installed/runbook/install.js";
import { runbookFolder } from "../../installed/runbook/render.js";
import type { RolloutDeclaration, RolloutSite } from "./rolloutSite.js";

/** Puts the runbook on every server of a site, as an `up` does. */
export async function installRunbooks(site: RolloutSite, { settings, servers }: RolloutDeclaration): Promise<void> {
  const { stack } = resolveStack("test", {
    ...site.raw,
    "pgsite:settings": JSON.stringify(settings),
    "pgsite:servers": JSON.stringify(servers),
  });
  const warm = new Set(site.site.servers.flatMap(({ name, hotStandby }) => (hotStandby ? [] : [name])));
  for (const server of site.site.servers) {
    const facts = stack === undefined ? undefined : runbookFacts(server, stack.inputs[server.name] as never, warm);
    if (facts === undefined) throw new Error(`${server.name} has no runbook`);
    await installRunbook(hostOf(server.host), facts);
  }
}

/** Runs one of a server's scripts as its OS user. */
export async function runScript(site: RolloutSite, server: string, script: string, ...words: readonly string[]) {
  const { host, controlDirectory } = site.server(server);
  const argv = [join(runbookFolder(controlDirectory), script), ...words];
  const { code, stdout, stderr } = await hostOf(host).run(argv, { timeout: 120_000 });
  return { code, said: `${stdout}${stderr}` };
}

/** The acts that a script announces, or has done: what a dry run promises is what the real one says. */
export function actsIn(said: string): readonly string[] {
  return said
    .split("\n")
    .map((line) => line.replace(/^would /, "").replaceAll(/\d{8}T\d{6}Z/g, "TIME"))
    .filter((line) => /^(promote|make|put|have|stop|restart|reload|start|copy|rewind|keep|let) /.test(line));
}

/** Every file that a declaration speaks of, and the runbook, by inode, time and size. */
export function declaredFiles(site: RolloutSite): Readonly<Record<string, string>> {
  const paths = site.site.servers.flatMap(({ dataDirectory, controlDirectory, files: declared }) => [
    ...Object.keys(declared).map((name) => join(dataDirectory, name)),
    ...readdirSync(controlDirectory, { recursive: true, encoding: "utf8" }).map((name) => join(controlDirectory, name)),
    join(dataDirectory, "postmaster.pid"),
    join(dataDirectory, "recovery.done"),
  ]);
  return Object.fromEntries(
    paths.map((path) => {
      if (!existsSync(path) || /server\.log|start\.log$/.test(path)) return [path, "none"];
      const status = statSync(path);
      const { ino, mtimeMs, size } = status;
      return [path, status.isDirectory() ? "folder" : `${ino} ${mtimeMs} ${size}`];
    }),
  );
}
