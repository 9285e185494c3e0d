import { join } from "node:path";
import { controlPath } from "../../config/controlDirectory.js";
import { renderConninfo } from "../../postgres/files/conninfo.js";
import { renderPassfile } from "../../postgres/files/passfile.js";
import type { RewindFailure } from "../../postgres/rollout/diverged.js";
import { runByLines } from "../baseBackup/lines.js";
import { writing } from "../data/lock.js";
import { standbyFile } from "../data/ownFiles.js";
import { withPassfile } from "../data/passfile.js";
import { type Login, withSession } from "../sql/session.js";
import { listeningOf } from "../sql/stream.js";
import { authoritiesFor, insisting } from "../sql/verify.js";
import { waysTo } from "../sql/way.js";
import type { Member } from "../takeover/promotion.js";
import { checkpointedTimeline } from "../wal/timelines.js";
import { begunFile } from "./aside.js";
import type { Source } from "./decide.js";

export interface Rewind {
  readonly member: Member;
  readonly primary: Source;
  /** A superuser of the primary. */
  readonly login: Login;
  readonly signal: AbortSignal;
}

/** Where the primary is for pg_rewind: as for everybody, or at a port of its host's loopback. */
interface Road {
  readonly hostaddr?: string;
  readonly port: number;
}

/** By a port that leads from the server's host to the primary as we reach it, where we have one made over SSH. */
async function throughUs<T>({ member, primary, signal }: Rewind, act: (road: Road) => Promise<T>): Promise<T> {
  const { forwardFrom } = await import("../../hosts/ssh/forward.js");
  const { placeFromHere } = await import("../../hosts/listener.js");
  const [way] = waysTo(primary.server, await listeningOf(primary.server, false));
  if (way === undefined || "path" in way.to) throw new Error(`${primary.server.name} listens on no address`);
  const to = way.by === "direct" ? way.to : await placeFromHere(primary.server.host, way.to, signal);
  const forward = await forwardFrom(member.server.host, to);
  try {
    return await act({ hostaddr: "127.0.0.1", port: forward.port });
  } finally {
    forward.close();
  }
}

/**
 * How pg_rewind begins when it got no session, whatever the primary says behind it in its own language (until 13; from 14 on libpq).
 * That the primary lets nobody in from there, or is not reached, is no matter of data.
 */
const noSession = /could not connect|connection to server/;

/**
 * Has pg_rewind make a stopped server's data those of the primary. It reads the WAL of both since the last checkpoint that they
 * have in common before it changes anything. Done, the very program that ran it makes the server a standby: its data are the
 * primary's then, and would come up as one. @returns why it failed, in the middle perhaps
 */
export async function rewindIt(rewind: Rewind): Promise<RewindFailure | undefined> {
  await refreshTimeline(rewind);
  const { port } = rewind.primary.server;
  const why = await run(rewind, { port });
  if (why === undefined || rewind.member.server.host.transport !== "ssh") return why;
  if (!why.said.some((line) => noSession.test(line))) return why;
  return throughUs(rewind, (road) => run(rewind, road)).catch((error: unknown) => {
    rewind.signal.throwIfAborted();
    return { ...why, through: (error as Error).message };
  });
}

/** Until 15, pg_rewind takes the control file's word for the timeline, which is the old one until the next checkpoint. */
async function refreshTimeline({ primary: { server, host }, login, signal }: Rewind): Promise<void> {
  const { recorded, real } = await checkpointedTimeline(host, server.dataDirectory, server.version);
  if (recorded === real) return;
  await withSession(server, login, { queryTimeout: 0, signal }, (session) => session.query("checkpoint"));
}

/** Runs its arguments, and where that went well writes $1 into $2, and removes $3, by which it would be gone on with. */
const thenWriting = `text=$1 file=$2 begun=$3
shift 3
"$@" || exit
umask 077
printf %s "$text" >"$file" && sync -- "$file" "\${file%/*}" && rm -f -- "$begun"`;

async function run(
  { member, primary, login, signal }: Rewind,
  { hostaddr, port }: Road,
): Promise<RewindFailure | undefined> {
  const { server, host } = member;
  const { address, proof } = primary.server;
  const passfile = controlPath(server, "rewindPassfile");
  const { authorities } = authoritiesFor(primary.server, server);
  const source = renderConninfo({
    host: address,
    hostaddr,
    port: `${port}`,
    user: login.user,
    dbname: "postgres",
    application_name: "pgsite",
    ...alive,
    ...insisting(server.version, authorities, proof.asks),
  });
  const program = [
    join(server.binDirectory, "pg_rewind"),
    "--target-pgdata",
    server.dataDirectory,
    "--source-server",
    source,
  ];
  const { name, content } = standbyFile(server.version);
  const marking = ["sh", "-c", thenWriting, "sh", content, join(server.dataDirectory, name), begunFile(server)];
  const said: string[] = [];
  try {
    const argv = writing(server, withPassfile(passfile, [...marking, ...program]));
    const ran = await runByLines(host, argv, {
      input: renderPassfile([{ host: address, port, database: "*", ...login }]),
      env: { PGPASSFILE: passfile, PGCONNECT_TIMEOUT: "10" },
      signal,
      onLine(line) {
        said.push(line);
        return false;
      },
    });
    signal.throwIfAborted();
    return ran.code === 0 ? undefined : complaintIn([...said, ...ran.stderr.split("\n")], ran.code);
  } finally {
    // Its shell has removed it, where that was not killed.
    const left = await host.stat(passfile).catch(() => undefined);
    if (left !== undefined) await host.remove(passfile).catch(() => undefined);
  }
}

/** Questions whether the other end is still there, in seconds: a cut line is known within 25. */
const alive = { keepalives_idle: "10", keepalives_interval: "5", keepalives_count: "3" };

/** What pg_rewind says went wrong. */
function complaintIn(lines: readonly string[], exitCode: number): RewindFailure {
  const said = lines.map((line) => line.trim()).filter((line) => line !== "" && !/^Failure, exiting$/.test(line));
  const telling = said.filter((line) => /error:|fatal:|FATAL|could not|must|No such file/.test(line));
  const chosen = (telling.length > 0 ? telling : said.slice(-1)).slice(0, 2);
  return { code: "failed", exitCode, said: chosen.map((line) => line.replace(/^pg_rewind: (error|fatal): /, "")) };
}
