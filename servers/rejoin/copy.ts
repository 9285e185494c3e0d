import { join } from "node:path";
import type { KnownSite } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import { parseConninfo } from "../../postgres/files/conninfo.js";
import { parsePassfile } from "../../postgres/files/passfile.js";
import { onOneMachine } from "../baseBackup/copiers.js";
import { baseBackup } from "../baseBackup/index.js";
import { byLowLevel } from "../baseBackup/lowLevel.js";
import type { BaseBackupOptions } from "../baseBackup/options.js";
import { type CopyProgress, noProgress } from "../baseBackup/progress.js";
import { betweenHosts } from "../baseBackup/rsync.js";
import { newMarker, type Tablespace } from "../baseBackup/target.js";
import { findRoad } from "../baseBackup/trust.js";
import { controlFileOf } from "../data/controlFile.js";
import { readSystemIdentifier } from "../data/dataDirectory.js";
import { writeMarker } from "../data/marker.js";
import type { Login } from "../sql/session.js";
import type { Member } from "../takeover/promotion.js";
import { noRoadInWords } from "../words/rejoin.js";
import { type Source, together } from "./decide.js";

export interface Copy {
  /** `baseBackup` of it says how fast, and how where all is copied. */
  readonly site: Pick<KnownSite, "name" | "baseBackup">;
  readonly member: Member;
  readonly primary: Source;
  /** A superuser of the primary. */
  readonly login: Login;
  readonly signal: AbortSignal;
  readonly report: (line: string) => void;
  readonly progress?: (verb: string) => CopyProgress;
}

/**
 * Brings a stopped server's data up to the primary's by a base backup that copies only what is not the same already, to the
 * last byte. From the first change on they are a half copy of pgsite's, with which any later base backup goes on.
 * @returns the system identifier
 */
export async function deltaCopy(copy: Copy): Promise<string> {
  const { member, primary } = copy;
  const { server, host } = member;
  const road = together(primary, member)
    ? undefined
    : await findRoad(primary.host, host, primary.server.host.address, server.host.address);
  if (road !== undefined && road.by === undefined) throw new Error(noRoadInWords(road.why));
  const copier =
    road === undefined
      ? await onOneMachine("rsync", primary.host, host, server, "--checksum")
      : betweenHosts(primary.host, host, server, road, copy.site.baseBackup?.rateLimit, "--checksum");
  await giveUp(copy, "rsync");
  // It takes what lies there for an earlier copy of its own.
  const { systemIdentifier } = await byLowLevel({ ...workOf(copy), report: () => undefined }, copier);
  return systemIdentifier;
}

/** A base backup of the primary in place of a server's data, or of what is left of them. @returns the system identifier */
export async function wholeCopy(copy: Copy): Promise<string> {
  const { server, host } = copy.member;
  // What cannot be gone on with is cleared.
  if ((await host.stat(join(server.dataDirectory, "PG_VERSION"))) !== undefined) await giveUp(copy, "pg_basebackup");
  const replication = await replicationLogin(copy.member);
  const { method = "auto" } = copy.site.baseBackup ?? {};
  const work = {
    ...workOf(copy),
    ...(replication === undefined ? {} : { replication }),
    // An archive is for the first time; now there is a primary to copy from.
    ...(method === "archive" ? {} : { method }),
  };
  return (await baseBackup(work)).systemIdentifier;
}

function workOf({ site, member, primary, login, signal, report, progress }: Copy) {
  const source: BaseBackupOptions["source"] = { endpoint: primary.server, host: primary.host };
  const { rateLimit } = site.baseBackup ?? {};
  const limits = rateLimit === undefined ? {} : { rateLimit };
  return { source, target: member, login, signal, report, progress: progress?.("copied") ?? noProgress, ...limits };
}

/** Marks data as a half copy, and takes away what they could start with. What they have is kept by now. */
async function giveUp({ member, primary }: Copy, method: "rsync" | "pg_basebackup"): Promise<void> {
  const { server, host } = member;
  const { name, dataDirectory } = primary.server;
  const systemIdentifier = (await readSystemIdentifier(primary.host, dataDirectory)) ?? "";
  const source = { name, dataDirectory, systemIdentifier };
  const tablespaces = await tablespacesOf(host, server.dataDirectory);
  // Nothing of them was copied since any time: all is compared.
  await writeMarker(host, server.dataDirectory, await newMarker(host, { source, began: 0, method, tablespaces }));
  // From here on the marker tells how to go on.
  await host.remove(controlFileOf(server.dataDirectory));
}

async function tablespacesOf(host: Host, dataDirectory: string): Promise<readonly Tablespace[]> {
  const argv = ["find", join(dataDirectory, "pg_tblspc"), "-type", "l", "-printf", "%f\\0%l\\0"];
  const fields = (await host.run(argv)).stdout.split("\0");
  return fields.flatMap((oid, index) => {
    const location = fields[index + 1];
    return index % 2 === 1 || location === undefined || location === "" ? [] : [{ oid, location, to: location }];
  });
}

/** Whom the server streams as: its password is in the passfile that pgsite keeps there. */
async function replicationLogin({ server, host }: Member): Promise<Login | undefined> {
  const { user } = parseConninfo(server.settings.primary_conninfo ?? "") ?? {};
  const text = (await host.readFile(server.passfile))?.toString("utf8") ?? "";
  const line = parsePassfile(text).find((one) => one.user === user);
  return line === undefined ? undefined : { user: line.user, password: line.password };
}
