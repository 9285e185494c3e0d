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
