import { readSystemIdentifier } from "../data/dataDirectory.js";
import { proveWorking } from "../process/proof.js";
import { loginOf } from "../rollout/site.js";
import { withSession } from "../sql/session.js";
import { unlock } from "../unlock/unlock.js";
import type { Acting } from "./acting.js";
import type { Journal } from "./journal.js";
import { versionIn } from "./standbys.js";
import { asAfter } from "./switch.js";

/** Its data are those of the new cluster, and it takes writes, as the administrator sees it. @throws with the reason */
export async function prove({ context, args, server: declared, host }: Acting, journal: Journal): Promise<void> {
  const server = asAfter(declared, journal);
  const { signal } = context;
  const [version, identifier] = [
    await versionIn(host, server.dataDirectory),
    await readSystemIdentifier(host, server.dataDirectory),
  ];
  if (version !== journal.to || identifier !== journal.systemIdentifiers.new) {
    throw new Error(
      `${server.dataDirectory} holds a cluster of ${version ?? "no version"} with the system identifier ${identifier ?? "none"}, and not that which was made (${journal.to}, ${journal.systemIdentifiers.new})`,
    );
  }
  const login = loginOf(args);
  const files = Object.fromEntries(
    Object.entries(server.files).filter((entry): entry is [string, string] => entry[1] !== null),
  );
  await unlock({ host, server, files, login, signal, report: async () => undefined });
  const site = {
    name: args.site,
    stack: args.stack,
    administrator: args.administrator,
    primary: server.name,
    servers: [server],
  };
  await proveWorking({ site, server, passwords: { [login.user]: login.password }, signal });
  await withSession(server, login, { signal }, async (session) => {
    const [row] = await session.query("select current_setting('server_version') as version");
    await context.log("info", `${server.name} runs PostgreSQL ${row?.version}`);
  });
}
