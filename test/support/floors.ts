import { findSetting } from "../../postgres/settings/catalogue.js";
import { atLeast, type Major } from "../../postgres/versions.js";

/** The settings that must not be lower on a hot standby than on its primary: as they are, and raised. */
export const floors = {
  max_connections: ["40", "50"],
  max_prepared_transactions: ["5", "10"],
  max_locks_per_transaction: ["64", "80"],
  max_worker_processes: ["8", "10"],
  max_wal_senders: ["5", "8"],
} as const;
export type Floor = keyof typeof floors;

export type Floors = Readonly<Partial<Record<Floor, string>>>;

/** Those that a version has, in sets of values. */
export function floorsAt(major: Major) {
  const names = (Object.keys(floors) as Floor[]).filter((name) => findSetting(major, name) !== undefined);
  const those = (raised: readonly Floor[]): Floors =>
    Object.fromEntries(names.map((name) => [name, floors[name][raised.includes(name) ? 1 : 0]]));
  return {
    names,
    low: those([]),
    high: those(names),
    // Each raises what the other lowers.
    some: those(["max_prepared_transactions", "max_worker_processes"]),
    others: those(["max_connections", "max_locks_per_transaction", "max_wal_senders"]),
    /** What asks a server for all of them. */
    inForceSql: `select ${names.map((name) => `current_setting('${name}') as ${name}`).join(", ")}`,
  };
}

/** In the order of a plan for a primary, a warm standby without a floor, and a hot mirror. */
export const raising = ["des10", "server3", "server2"];
export const lowering = ["server3", "server2", "des10"];

/** In the words of a plan. */
export function changes(from: Floors, to: Floors): string {
  return changesOf(namesIn(from).toSorted(), from, to).join(", ");
}

export function planned(servers: readonly string[], reason: string): readonly string[] {
  return servers.map((server, index) => `${index + 1}. ${server}: restart (${reason})`);
}

/** Where some are raised and others lowered at once, the hot mirror restarts twice, the first time with the lowered ones held. */
export function mixedPlan(major: Major, from: Floors, to: Floors): readonly string[] {
  const names = namesIn(from);
  const held = names.filter((name) => isFloor(major, name) && Number(to[name]) < Number(from[name]));
  const first = changesOf(names.filter((name) => !held.includes(name)).toSorted(), from, to);
  const stays = held.map((name) => `${name} stays ${from[name]} until server2 has its new value`);
  return [
    `1. des10: restart (${[...first, ...stays].join(", ")})`,
    `2. server3: restart (${changes(from, to)})`,
    `3. server2: restart (${changes(from, to)})`,
    `4. des10: restart (${changesOf(held, from, to).join(", ")})`,
  ];
}

export const mixedOrder = ["des10", "server3", "server2", "des10"];

/** Until 11 walsenders counted among connections, and had no floor of their own. */
export function isFloor(major: Major, name: Floor): boolean {
  return name !== "max_wal_senders" || atLeast(major, "12");
}

function namesIn(set: Floors): readonly Floor[] {
  return Object.keys(set) as Floor[];
}

function changesOf(which: readonly Floor[], from: Floors, to: Floors): readonly string[] {
  return which.filter((name) => from[name] !== to[name]).map((name) => `${name} ${from[name]} → ${to[name]}`);
}
