import { join } from "node:path";
import prettyBytes from "pretty-bytes";
import prettyMilliseconds from "pretty-ms";
import type { Endpoint, Site } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import { isSlotName } from "../../postgres/names.js";
import { slotsOn } from "../../postgres/rollout/slots.js";
import { atLeast, type Major } from "../../postgres/versions.js";
import { freeBytes } from "../data/freeSpace.js";
import { type Login, type Session, withSession } from "../sql/session.js";
import { bytesOfLsn } from "../sql/sql.js";
import { namesOf } from "../sql/versions.js";
import { whoAreYou } from "../sql/writable.js";
import { ArchiveRefused } from "./manifest.js";

/** What keeps the WAL that the mirror will ask for when the archive has come to it. */
export interface Reserve {
  /** Paths in the data directory, relative, that hold private keys: they do not go in. */
  readonly keys: readonly string[];
  /** For how long the WAL will be there, in words. */
  describe(): Promise<string>;
  /** Drops the slot, where this attempt made it: nobody would ever come for what it keeps. Never throws. */
  release(): Promise<void>;
}

/** The first version whose slots reserve WAL before anybody has streamed. */
const slotsFrom = "9.6";

/** Whether a slot can keep the WAL that a mirror will ask for when an archive has come to it. */
export function slotKeeps(version: Major): boolean {
  return atLeast(version, slotsFrom);
}

export async function reserveWal(options: {
  readonly source: Endpoint;
  readonly host: Host;
  readonly login: Login;
  readonly site: Site;
  readonly slot: string | undefined;
  readonly signal: AbortSignal;
}): Promise<Reserve> {
  const { source, host, login, site, slot, signal } = options;
  return withSession(source, login, { signal }, async (session) => {
    const { version } = await whoAreYou(session);
    const keys = await keysIn(session, source);
    const made = slot === undefined ? false : await takeSlot(session, site, source, slot);
    const before = await written(session, version);
    const began = Date.now();
    return {
      keys,
      async describe() {
        return withSession(source, login, { signal }, async (later) => {
          const bytes = Number((await written(later, version)) - before);
          const seconds = Math.max(1, (Date.now() - began) / 1000);
          const settings = await settingsOf(later);
          const free = await freeBytes(host, join(source.dataDirectory, namesOf(version).walDirectory));
          const rate = { bytes: bytes / seconds, seconds };
          return slot === undefined
            ? withoutSlot(source.name, version, settings, rate)
            : withSlot(source.name, slot, settings, rate, free);
        });
      },
      async release() {
        if (!made) return;
        const drop = (later: Session) => later.query("select pg_drop_replication_slot($1)", [slot ?? ""]);
        await withSession(source, login, {}, drop).catch(() => undefined);
      },
    };
  });
}

async function written(session: Session, version: Parameters<typeof namesOf>[0]): Promise<bigint> {
  const [row] = await session.query(`select ${namesOf(version).currentLsn}::text as lsn`);
  return bytesOfLsn(row?.lsn ?? "0/0");
}

async function keysIn(session: Session, { dataDirectory }: Endpoint): Promise<readonly string[]> {
  const rows = await session.query(
    "select setting, (select setting from pg_settings where name = 'data_directory') as data from pg_settings where name = 'ssl_key_file'",
  );
  const files = rows.flatMap(({ setting, data }) =>
    [data ?? dataDirectory, dataDirectory].map((folder) =>
      setting?.startsWith(`${folder}/`) ? setting.slice(folder.length + 1) : (setting ?? ""),
    ),
  );
  return [...new Set(["server.key", ...files.filter((path) => path !== "")])];
}

/** @returns whether it was made. @throws ArchiveRefused where it would not keep anything, or not for long */
async function takeSlot(session: Session, site: Site, source: Endpoint, slot: string): Promise<boolean> {
  const { version } = await whoAreYou(session);
  if (!isSlotName(slot)) {
    throw new ArchiveRefused(`"${slot}" is no name of a slot: lower-case letters, digits and _`);
  }
  if (!slotKeeps(version)) {
    throw new ArchiveRefused(
      `a slot reserves WAL before anybody streams from ${slotsFrom} on, and ${source.name} is ${version}: leave --slot out, and raise wal_keep_segments for the time of the way`,
    );
  }
  const declared = [...(site.slots ?? []), ...slotsOn(site.servers, source.name)];
  const ours = site.servers.some(({ name }) => name === source.name);
  if (ours && !declared.includes(slot)) {
    throw new ArchiveRefused(
      `the next pulumi up of ${site.stack} would drop the slot ${slot}, which its stack file does not name: add it there (pgsite:slots: [${slot}]), and run again`,
    );
  }
  const state = atLeast(version, "13") ? "wal_status" : "null::text";
  const [found] = await session.query(
    `select slot_type as kind, active::text as active, ${state} as status from pg_replication_slots where slot_name = $1`,
    [slot],
  );
  if (found === undefined) {
    await session.query("select pg_create_physical_replication_slot($1, true)", [slot]);
    return true;
  }
  if (found.kind !== "physical" || found.active === "true") {
    const why = found.active === "true" ? "somebody streams from it" : "it is a logical one";
    throw new ArchiveRefused(`the slot ${slot} of ${source.name} is in use (${why}): name another`);
  }
  if (found.status === "lost") {
    throw new ArchiveRefused(
      `the slot ${slot} of ${source.name} has lost its WAL (max_slot_wal_keep_size): select pg_drop_replication_slot('${slot}') there, and run again`,
    );
  }
  return false;
}

interface KeepSettings {
  /** Bytes that are kept whoever asks; and the setting, as it is. */
  readonly keep: number;
  readonly said: string;
  /** Bytes that a slot keeps at most. @default no limit */
  readonly most?: number;
}

async function settingsOf(session: Session): Promise<KeepSettings> {
  const rows = await session.query(
    "select name, setting, (select setting || ' ' || unit from pg_settings where name = 'wal_segment_size') as segment from pg_settings where name in ('wal_keep_segments', 'wal_keep_size', 'max_slot_wal_keep_size')",
  );
  const by = new Map(rows.map(({ name, setting }) => [name, Number(setting)]));
  const [amount = "16777216", unit = "B"] = (rows[0]?.segment ?? "").split(" ");
  const segment = Number(amount) * (unit === "8kB" ? 8192 : 1);
  const megabytes = by.get("wal_keep_size");
  const segments = by.get("wal_keep_segments") ?? 0;
  const most = by.get("max_slot_wal_keep_size") ?? -1;
  return {
    ...(megabytes === undefined
      ? { keep: segments * segment, said: `wal_keep_segments ${segments}` }
      : { keep: megabytes * 1024 * 1024, said: `wal_keep_size ${megabytes}MB` }),
    ...(most < 0 ? {} : { most: most * 1024 * 1024 }),
  };
}

interface Rate {
  /** A second. */
  readonly bytes: number;
  /** For how long it was measured. */
  readonly seconds: number;
}

/** How long so many bytes last. */
function lasts(bytes: number, rate: Rate): string {
  if (rate.bytes < 1) return `nothing was written in the last ${Math.round(rate.seconds)} s`;
  const time = prettyMilliseconds(Math.min((bytes / rate.bytes) * 1000, 1e13), { compact: true });
  return `at the rate of the last ${Math.round(rate.seconds)} s, ${prettyBytes(rate.bytes)}/s, for ${time}`;
}

export function withoutSlot(server: string, version: Major, { keep, said }: KeepSettings, rate: Rate): string {
  const slot = slotKeeps(version) ? ", or have a slot keep it (--slot)" : "";
  return `${server} keeps ${prettyBytes(keep)} of WAL (${said}): ${lasts(keep, rate)}. If the mirror starts later than that lasts, its WAL may be gone: raise it${slot}`;
}

export function withSlot(
  server: string,
  slot: string,
  { most }: KeepSettings,
  rate: Rate,
  free: number | undefined,
): string {
  const limit =
    most === undefined ? [] : [`but no more than ${prettyBytes(most)} (max_slot_wal_keep_size): ${lasts(most, rate)}`];
  const disk = free === undefined ? [] : [`its disk has ${prettyBytes(free)} free: ${lasts(free, rate)}`];
  return [`the slot ${slot} keeps ${server}'s WAL until somebody has streamed by it`, ...limit, ...disk].join("; ");
}
