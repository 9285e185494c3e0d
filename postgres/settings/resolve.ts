import { error, nearest, type Problem, warning } from "../problem.js";
import type { Major } from "../versions.js";
import { buildNeeds } from "./builds.js";
import { catalogue, findSetting, isCustomName, recoveryParameters } from "./catalogue.js";
import { absence, portableNames, translate } from "./translate.js";
import { checkValue, customText, type SettingValue, sameValue } from "./values.js";

/** Settings from one place. Later layers win over earlier ones. */
export interface Layer {
  /** Whose settings these are, for messages: `pgsite's defaults`, `the stack`, `server2`. */
  readonly source: string;
  /** Where they stand in the stack file, without the setting's name: `settings`, `servers.server2.settings`. */
  readonly path: string;
  /** By name in the stack file's vocabulary: the version's own names, and the portable ones. */
  readonly values: Readonly<Record<string, SettingValue>>;
  /**
   * True for what pgsite derives from the rest of the description (port, primary_conninfo): a layer with another value is
   * refused rather than overridden, unless it is one of `defaults`. @default false
   */
  readonly mandatory?: boolean;
  /** True for pgsite's own defaults: any layer may override them without a word. @default false */
  readonly defaults?: boolean;
  /** Of a mandatory layer: what decides a setting, as the stack file names it: `{ port: "servers.server2.port" }`. @default source */
  readonly decidedBy?: Readonly<Record<string, string>>;
}

/** Something that an administrator should see in the preview, and that is as it should be. */
export type Note = Pick<Problem, "path" | "message">;

export interface ResolvedSettings {
  /** For postgresql.conf: the version's own names, and checked values as they are to be rendered. */
  readonly postgresql: Readonly<Record<string, string>>;
  /** For recovery.conf; empty from 12 on, where its parameters are in `postgresql`. */
  readonly recovery: Readonly<Record<string, string>>;
  /** Where each setting of either came from, by its own name: `servers.server2.settings.wal_keep_segments`. */
  readonly origins: Readonly<Record<string, string>>;
  /** Errors and warnings of every layer, in the order of the layers. */
  readonly problems: readonly Problem[];
  /** What was translated to the version's own names, for the values that won. */
  readonly notes: readonly Note[];
}

interface Entry {
  readonly name: string;
  readonly text: string;
  readonly path: string;
  readonly layer: Layer;
  readonly note?: string;
}

/** Settings that follow from the rest of the description, so that a value of one's own is refused. */
const managed: Readonly<Record<string, string>> = {
  config_file: "pgsite decides it: say configurationDirectory of the server",
  data_directory: "pgsite decides it: say dataDirectory of the server",
  hba_file: "pgsite decides it: pg_hba.conf is beside postgresql.conf (configurationDirectory)",
  ident_file: "pgsite decides it: pg_ident.conf is beside postgresql.conf (configurationDirectory)",
  primary_conninfo: "pgsite decides it from the server's upstream",
  standby_mode: "pgsite decides it by the server's role",
};

/** Settings that belong to a session or a server's state: the server refuses them in a file (GUC_DISALLOW_IN_FILE). */
const refusedInFiles: ReadonlySet<string> = new Set([
  "transaction_deferrable",
  "transaction_isolation",
  "transaction_read_only",
]);

const includes = new Set(["include", "include_dir", "include_if_exists"]);

/** Why an `internal` setting cannot be given. */
const internalReasons: Readonly<Record<string, string>> = {
  data_checksums: "initdb decided it: say initdb.dataChecksums",
  lc_collate: "initdb decided it: say initdb.locale",
  lc_ctype: "initdb decided it: say initdb.locale",
  server_encoding: "initdb decided it: say initdb.encoding",
  wal_segment_size: "initdb decided it",
};

const stateNames = new Set(["huge_pages_status", "in_hot_standby", "shared_memory_size", "num_os_semaphores"]);

/** The problem of a name that a version does not know: in which versions it exists, what to use instead, or the nearest name. */
function unknownName(major: Major, name: string): string {
  const known = absence(major, name);
  if (known !== undefined) return known;
  const names = [...catalogue(major).values()].filter((one) => one.context !== "internal").map((one) => one.name);
  const near = nearest(name, [...names, ...recoveryParameters(major).keys(), ...portableNames(major)]);
  const meant = near === undefined ? "" : `; is ${near} meant?`;
  return `no setting of PostgreSQL ${major} has this name${meant}`;
}

/** One setting of one layer in the version's own words, or its problem; undefined where the version needs none. */
function resolveOne(
  major: Major,
  layer: Layer,
  given: string,
  value: SettingValue,
): { readonly entry?: Entry; readonly problem?: Problem; readonly note?: Note } {
  const path = layer.path === "" ? given : `${layer.path}.${given}`;
  const refuse = (message: string) => ({ problem: error(path, message) });
  if (includes.has(given.toLowerCase()))
    return refuse("it is no setting: pgsite writes the whole configuration in one file");
  const translated = translate(major, given, value);
  if (!translated.ok) return refuse(translated.message);
  if (translated.name === undefined) {
    const reason = layer.mandatory === true ? undefined : managed[given.toLowerCase()];
    if (reason !== undefined) return refuse(reason);
    return translated.note === undefined ? {} : { note: { path, message: translated.note } };
  }
  const setting = findSetting(major, translated.name);
  const note = translated.note === undefined ? {} : { note: translated.note };
  if (setting === undefined) {
    if (!isCustomName(given)) return refuse(unknownName(major, given));
    const checked = customText(given, value);
    return checked.ok ? { entry: { name: given, text: checked.text, path, layer } } : refuse(checked.message);
  }
  if (setting.context === "internal" || refusedInFiles.has(setting.name)) {
    const state = stateNames.has(setting.name)
      ? "it shows the server's state"
      : "it was decided when the server was compiled";
    const reason =
      setting.context === "internal" ? (internalReasons[setting.name] ?? state) : "it belongs to a transaction";
    return refuse(`it cannot be set: ${reason}`);
  }
  const checked = checkValue(setting, translated.value);
  if (!checked.ok) return refuse(checked.message);
  const entry = { name: setting.name, text: checked.text, path, layer, ...note };
  const needs = buildNeeds(major, setting.name, checked.text);
  if (needs === undefined) return { entry };
  return {
    entry,
    problem: warning(path, `only programs built with ${needs} take "${checked.text}"; the host's must be`),
  };
}

function sameText(major: Major, name: string, a: string, b: string): boolean {
  const setting = findSetting(major, name);
  return setting === undefined ? a === b : sameValue(setting, a, b);
}

/** Settings whose values may hold a secret, and so stay out of messages. */
const discreet: ReadonlySet<string> = new Set(["primary_conninfo", "ssl_passphrase_command"]);

function quotedUnlessSecret(entry: Entry): string {
  return discreet.has(entry.name) ? "another value" : `"${entry.text}"`;
}

/** Which mandatory layer decides an entry, where its own layer may not contradict it. */
function contradiction(major: Major, entry: Entry, winner: Entry): string | undefined {
  if (winner.layer.mandatory !== true || entry.layer.defaults === true || entry.layer === winner.layer)
    return undefined;
  if (sameText(major, entry.name, entry.text, winner.text)) return undefined;
  const decider = winner.layer.decidedBy?.[entry.name] ?? winner.layer.source;
  const decision = discreet.has(entry.name) ? "" : `: "${winner.text}"`;
  return `${quotedUnlessSecret(entry)} contradicts ${decider}, which decides it${decision}; leave it out, or change that`;
}

/**
 * Resolves layers, the first the weakest, to what the files of one server at one version hold. Every name and value of every
 * layer is checked, also those that a later layer overrides, and every problem is reported; what has a problem is left
 * out of the result. Nothing is clamped. Rules between settings are not asked here: see rules.ts.
 */
export function resolveSettings(major: Major, layers: readonly Layer[]): ResolvedSettings {
  const problems: Problem[] = [];
  const notes: Note[] = [];
  const entries: Entry[] = [];
  for (const layer of layers) {
    const inLayer = new Map<string, Entry>();
    for (const [given, value] of Object.entries(layer.values)) {
      const { entry, problem, note } = resolveOne(major, layer, given, value);
      if (problem !== undefined) problems.push(problem);
      if (note !== undefined) notes.push(note);
      if (entry === undefined) continue;
      const key = entry.name.toLowerCase();
      const twin = inLayer.get(key);
      if (twin !== undefined && !sameText(major, entry.name, twin.text, entry.text)) {
        problems.push(
          error(
            entry.path,
            `${quotedUnlessSecret(entry)} contradicts ${twin.path}, which is ${quotedUnlessSecret(twin)}; keep one of them`,
          ),
        );
        continue;
      }
      inLayer.set(key, entry);
    }
    entries.push(...inLayer.values());
  }
  const winners = new Map<string, Entry>();
  for (const entry of entries) {
    const standing = winners.get(entry.name.toLowerCase());
    if (standing?.layer.mandatory === true && entry.layer.mandatory !== true) continue;
    winners.set(entry.name.toLowerCase(), entry);
  }
  for (const entry of entries) {
    const winner = winners.get(entry.name.toLowerCase()) ?? entry;
    const reason = contradiction(major, entry, winner) ?? ownManaged(entry, winner);
    if (reason === undefined) continue;
    problems.push(error(entry.path, reason));
    if (winner === entry) winners.delete(entry.name.toLowerCase());
  }
  return { ...assemble(major, [...winners.values()], notes), problems };
}

/** Why a user's value for a managed setting is refused where no mandatory layer decides it. */
function ownManaged(entry: Entry, winner: Entry): string | undefined {
  if (winner.layer.mandatory === true || entry.layer.mandatory === true || entry.layer.defaults === true)
    return undefined;
  return managed[entry.name];
}

function assemble(major: Major, winners: readonly Entry[], notes: readonly Note[]): Omit<ResolvedSettings, "problems"> {
  const inRecovery = recoveryParameters(major);
  const known = catalogue(major);
  const pick = (recovery: boolean) =>
    Object.fromEntries(
      winners
        .filter((entry) => (inRecovery.has(entry.name) && !known.has(entry.name)) === recovery)
        .map((entry) => [entry.name, entry.text]),
    );
  return {
    postgresql: pick(false),
    recovery: pick(true),
    origins: Object.fromEntries(winners.map((entry) => [entry.name, entry.path])),
    notes: [...notes, ...winners.flatMap(({ path, note }) => (note === undefined ? [] : [{ path, message: note }]))],
  };
}
