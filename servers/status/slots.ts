import type { Slot } from "../../postgres/positions.js";
import { atLeast, type Major } from "../../postgres/versions.js";
import { type Address, type Login, type Session, withSession } from "../sql/session.js";

/** The slots of a server (9.4 and later), in the order of their names. */
export async function slotsIn(session: Session, version: Major): Promise<readonly Slot[]> {
  if (!atLeast(version, "9.4")) return [];
  const lasting = atLeast(version, "10") ? "where not temporary" : "";
  const own = atLeast(version, "17") ? "and not synced" : "";
  const rows = await session.query(
    `select slot_name as name, slot_type as kind, active from pg_replication_slots ${lasting} ${own} order by 1`,
  );
  return rows.map(({ name, kind, active }) => ({
    name: name ?? "",
    kind: kind === "logical" ? "logical" : "physical",
    active: active === "t",
  }));
}

interface SlotOptions {
  readonly version: Major;
  readonly login: Login;
  readonly signal?: AbortSignal;
}

/**
 * Makes the physical slots that standbys of a server stream by, where they are missing: without its slot a standby gets
 * nothing. They keep WAL from now on (9.6 and later; before, from the first connection on).
 */
export async function makeSlots(on: Address, slots: readonly string[], options: SlotOptions): Promise<void> {
  if (slots.length === 0) return;
  const reserve = atLeast(options.version, "9.6") ? ", true" : "";
  await withSession(on, options.login, given(options), async (session) => {
    for (const slot of slots) {
      await session.query(
        `select pg_create_physical_replication_slot($1::name${reserve}) where not exists (select 1 from pg_replication_slots where slot_name = $1::name)`,
        [slot],
      );
    }
  });
}

/** Drops physical slots by which nobody streams now, where they are there: each keeps WAL for somebody who has left. */
export async function dropIdleSlots(on: Address, slots: readonly string[], options: SlotOptions): Promise<void> {
  if (slots.length === 0) return;
  await withSession(on, options.login, given(options), async (session) => {
    for (const slot of slots) {
      await session.query(
        "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1::name and slot_type = 'physical' and not active",
        [slot],
      );
    }
  });
}

function given({ signal }: SlotOptions) {
  return signal === undefined ? {} : { signal };
}
