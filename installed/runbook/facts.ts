import { bootstrapSuperuser } from "../../config/bootstrapSuperuser.js";
import { connectionOf, conninfoOf, describeServer } from "../../config/describe.js";
import type { ServerInputs } from "../../config/inputs.js";
import { logFileIn } from "../../config/layouts.js";
import { inProc, wantedAddresses } from "../../config/listening.js";
import type { Server } from "../../config/site.js";
import { socketFolders } from "../../config/socketFolders.js";
import { defined } from "../../postgres/defined.js";
import { renderConninfo } from "../../postgres/files/conninfo.js";
import { insisted } from "../../postgres/files/insistence.js";
import { logFolderOf } from "../../postgres/files/logDirectory.js";
import { atLeast } from "../../postgres/versions.js";
import { prefixOf, voicesOf } from "../../postgres/voice.js";
import type { RunbookFacts } from "./render.js";

/**
 * What the runbook on a server's host is rendered from; undefined where there is no other server, and may be one.
 * @param warm names of servers that answer nobody while they are standbys
 */
export function runbookFacts(
  server: Server,
  inputs: ServerInputs,
  warm: ReadonlySet<string> = new Set(),
): RunbookFacts | undefined {
  const { name, version, dataDirectory, controlDirectory, binDirectory, port, passfile, settings } = server;
  const others = inputs.peers.filter((peer) => peer.name !== name);
  const alone = inputs.site.standalone === true;
  if (others.length === 0 && !alone) return undefined;
  const [socketFolder] = socketFolders(server);
  const as = server.applicationName ?? name;
  const peers = others.map((peer) => {
    const { connection, expected } = connectionOf(as, peer, passfile, inputs.site, server.tlsFiles);
    return {
      name: peer.name,
      address: peer.address,
      port: peer.port,
      conninfo: conninfoOf(as, peer, passfile, inputs.site, server.tlsFiles),
      asking: renderConninfo({ ...connection, passfile: undefined }),
      insisted: insisted(expected).map(({ name: parameter, from, value }) => ({
        from,
        text: renderConninfo({ [parameter]: value }),
      })),
      verified: expected.verified,
      asks: expected.asks,
      warm: warm.has(peer.name),
    };
  });
  const voices = voicesOf(version, settings);
  const superuser = bootstrapSuperuser(inputs.site.administrator, server.host.user);
  return {
    site: inputs.site.name,
    server: name,
    version,
    user: server.host.user,
    dataDirectory,
    controlDirectory,
    binDirectory,
    port,
    passfile,
    ...(server.service === undefined ? {} : { service: server.service.name }),
    ...defined({
      configurationDirectory: server.configurationDirectory,
      log: logFileIn(server),
      unit: server.unit,
      superuser: superuser === "postgres" ? undefined : superuser,
    }),
    ...(socketFolder === undefined ? {} : { socketFolder }),
    ...(settings.logging_collector === "on" ? { logFolder: logFolderOf(server) } : {}),
    prefix: prefixOf(version, settings),
    ...(voices === undefined ? {} : { voices }),
    ...(alone ? { alone: { listens: listensOf(server) } } : {}),
    peers,
    ...(alone || atLeast(version, "12") ? {} : { recovery: recoveryOf(server, inputs) }),
  };
}

/** Where it listens, as the kernel's table of sockets has it. */
function listensOf({ settings, address }: Server): readonly string[] {
  return wantedAddresses(settings.listen_addresses ?? "localhost", address).map(inProc);
}

/** recovery.conf of a server as a standby, whatever it is now; whom it follows is left to the script that writes it. */
function recoveryOf(server: Server, inputs: ServerInputs): string {
  const [upstream] = inputs.peers.filter(({ name }) => name !== server.name);
  const standby =
    server.role === "primary" && upstream !== undefined
      ? describeServer("standby", server.name, { ...inputs, upstream }).server
      : server;
  return (standby.files["recovery.conf"] ?? "").replace(/^primary_conninfo = .*\n/m, "");
}
