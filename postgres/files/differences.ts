import type { Consequence, Difference, Found, Make, SettingFound, Thing } from "../differences.js";
import { type LockedOut, mendOf } from "../lockedOut.js";
import { mask, shownValue } from "../secrets/index.js";
import type { Superseded } from "../serverProblems.js";
import { context, findSetting } from "../settings/catalogue.js";
import { startsToChange } from "../settings/chosen.js";
import { floorSettings } from "../settings/floors.js";
import { formatValue, meaning, sameValue } from "../settings/values.js";
import type { Major } from "../versions.js";
import { parseConninfo } from "./conninfo.js";
import { type FiledSetting, filedSettings, filesRead, holdsSettings, settingFiles, type Texts } from "./facts.js";
import { accessDifferences } from "./hbaDifferences.js";
import { isIncluded } from "./places.js";
import { parseConfiguration } from "./postgresqlConf.js";

/** A setting that a server runs with although its files say another value, or none. */
export interface RunsWith {
  readonly value: string;
  /** Where from, as pg_settings has it: `configuration file` (as it was when last read), `command line` … */
  readonly source: string;
}

/** A server's configuration, as it is or as it is declared. */
export interface ConfigurationState {
  readonly version: string;
  /** `silent`: it runs and does not answer; `no data`: there is nothing to configure yet. */
  readonly state: "running" | "stopped" | "silent" | "no data";
  readonly files: Texts;
  /** Mode and owner of each file: "0600 postgres". */
  readonly permissions: Texts;
  /** By name; only what differs from the files. */
  readonly runs: Readonly<Record<string, RunsWith>>;
  /** Lines of its files that the server itself does not take. */
  readonly refused: readonly string[];
  /** The program that it runs as, or is to: a path. Left out where nothing tells. */
  readonly program?: string;
  /** pg_hba.conf was touched after the server last read it. */
  readonly unread: boolean;
  /** Files of settings that somebody put into a folder of included ones, and no server reads. No difference of a state's. */
  readonly __ignored?: Texts;
  /** Of a stopped one: why it was refused its last start. */
  readonly supersededBy?: Superseded;
  /** Of a running one: how it keeps pgsite out. */
  readonly lockedOut?: LockedOut;
}

/** How a server differs from what is declared of it, in the order in which an administrator would read its files. */
export function configurationDifferences(
  server: string,
  version: Major,
  is: ConfigurationState,
  shall: ConfigurationState,
): readonly Difference[] {
  // Whoever sees that the data are gone says that, and the rest follows from it.
  if (is.state === "no data") return [];
  const running = is.state !== "stopped";
  const make = (object: Thing, there: Found, consequence: Consequence, declared?: Found): Difference => ({
    server,
    object,
    there,
    ...(declared === undefined ? {} : { declared }),
    // What is stopped reads its files when it starts; nothing has to be reloaded for that.
    consequence: !running && /^(?:reload|restart)/.test(consequence) ? "install" : consequence,
    ...(consequence === "by hand" ? { severity: "warning" as const } : {}),
  });
  // Of another version everything is another, and none of it is for a rollout to change.
  if (is.version !== shall.version) return stateDifferences(is, shall, make);
  const settings = settingDifferences(version, is, shall, make);
  const access = accessDifferences(version, is.files["pg_hba.conf"], shall.files["pg_hba.conf"], make);
  return [
    ...stateDifferences(is, shall, make),
    ...programDifferences(is, shall, make),
    ...presence(is, shall, make),
    ...settings,
    ...textDifferences(is, shall, make, settings),
    ...ignoredDifferences(version, is, make),
    ...access,
    ...unreadDifferences(is, access, make),
    ...permissionDifferences(is, shall, make),
    ...is.refused
      .filter((line) => !isOfMissing(is, line))
      .map((line) => make({ kind: "server" }, { is: "not taken", line }, "reload")),
  ];
}

/** That a file cannot be opened is said once where it is not there. */
function isOfMissing({ files }: ConfigurationState, line: string): boolean {
  const [, name] = /^([\w.]+): /.exec(line) ?? [];
  return name !== undefined && files[name] === undefined;
}

function stateDifferences(is: ConfigurationState, shall: ConfigurationState, make: Make): readonly Difference[] {
  const version = is.version === shall.version ? [] : [make({ kind: "version" }, is.version, "by hand", shall.version)];
  if (is.state === "stopped") {
    const superseded = is.supersededBy === undefined ? {} : { superseded: is.supersededBy };
    return [...version, make({ kind: "server" }, { is: "stopped", ...superseded }, "start", { is: "running" })];
  }
  if (is.state === "silent") return [...version, make({ kind: "server" }, { is: "silent" }, "by hand")];
  return [...version, ...lockDifferences(is, make)];
}

const lockConsequences = { rules: "reload", connections: "wait", restart: "restart" } as const;
const catalogueConsequences = { session: "SQL", host: "SQL", stop: "restart", primary: "wait" } as const;

/** pgsite itself is kept out: what else may be wrong there is seen when it is in. */
function lockDifferences({ lockedOut }: ConfigurationState, make: Make): readonly Difference[] {
  if (lockedOut === undefined) return [];
  const mend = mendOf(lockedOut);
  const consequence = mend === "catalogue" ? catalogueConsequences[lockedOut.by] : lockConsequences[mend];
  return [{ ...make({ kind: "way in" }, { is: "locked", lock: lockedOut }, consequence), severity: "warning" }];
}

/** Another build, or another minor version: the declared one is in force when the server is started with it. */
function programDifferences(is: ConfigurationState, shall: ConfigurationState, make: Make): readonly Difference[] {
  if (is.program === undefined || shall.program === undefined || is.program === shall.program) return [];
  return [make({ kind: "program" }, is.program, "restart", shall.program)];
}

/** Files that are there and must not be, or the other way round. */
function presence(is: ConfigurationState, shall: ConfigurationState, make: Make): readonly Difference[] {
  const names = [...new Set([...Object.keys(is.files), ...Object.keys(shall.files)])].sort();
  return names.flatMap((file) => {
    const [left, right] = [is.files[file], shall.files[file]];
    if (left !== undefined && right !== undefined) return [];
    // Of one that is read, setting by setting.
    if (isIncluded(file) && right === undefined && filesRead(is.files).has(file)) return [];
    const rereads = file === "pg_hba.conf" ? "reload" : "install";
    if (left !== undefined) return [make({ kind: "file", file }, { is: "unwanted" }, rereads)];
    const settings = Object.keys(parseConfiguration(shall.files[file] ?? "").values).length > 0;
    const lost = settings && holdsSettings(file);
    // What a server runs with is known of one that answers, save for what recovery.conf says.
    const known = Object.keys(is.runs).length > 0 && file !== "recovery.conf";
    return [make({ kind: "file", file }, { is: "missing" }, lost ? (known ? "reload" : "restart") : rereads)];
  });
}

/** Value by value: what the files say, and what the server runs with beside them. */
function settingDifferences(
  version: Major,
  is: ConfigurationState,
  shall: ConfigurationState,
  make: Make,
): readonly Difference[] {
  const filed = filedSettings(is.files);
  const declared = filedSettings(shall.files);
  const runs = new Map(Object.entries(is.runs).map(([name, one]) => [name.toLowerCase(), { name, ...one }]));
  const names = [...new Set([...filed.keys(), ...declared.keys(), ...runs.keys()])].sort();
  return names.flatMap((name) => {
    const [there, wanted, running] = [filed.get(name), declared.get(name), runs.get(name)];
    const shown = new Shown(version, running?.name ?? there?.name ?? wanted?.name ?? name);
    const right = shown.orDefault(wanted);
    const inForce = running?.value ?? shown.orDefault(there);
    const chosen = startsToChange(version, name, there?.value, wanted?.value);
    const consequence = shown.consequence(running?.source, chosen);
    if (consequence === undefined) return [];
    const filesDiffer = !shown.same(shown.orDefault(there), right);
    const runsDiffer = running !== undefined && !shown.same(inForce, right);
    // A whole file that is missing is said once.
    const missing = there === undefined && wanted !== undefined && is.files[wanted.file] === undefined;
    if (filesDiffer && !missing) {
      const at = there ?? wanted;
      const line = there?.line === undefined ? {} : { line: there.line };
      const object = { kind: "setting", file: at?.file ?? "", name: shown.name, ...line } as const;
      const waits = runsDiffer || running === undefined ? undefined : waiting(shown, inForce, consequence);
      const [from, to] = shown.both(there, wanted);
      return waits === undefined
        ? [make(object, from, consequence, to)]
        : [make(object, { ...from, waits }, "reload", to)];
    }
    if (!runsDiffer) return [];
    const [from, to] = shown.both({ name, value: inForce ?? "", file: "" }, wanted);
    const object = { kind: "running setting", name: shown.name } as const;
    return [make(object, { ...from, source: running.source }, consequence, to)];
  });
}

/** An edit that is not in force yet: to undo it takes no more than to read the files again. */
function waiting(shown: Shown, inForce: string | undefined, consequence: Consequence): SettingFound["waits"] {
  return {
    for: consequence.startsWith("restart") ? "restart" : "reload",
    ...(inForce === undefined ? {} : { inForce: shown.text(inForce) }),
  };
}

/** How one setting is compared and shown at one version. */
class Shown {
  readonly #setting: ReturnType<typeof findSetting>;
  readonly name: string;

  constructor(
    readonly version: Major,
    given: string,
  ) {
    this.#setting = findSetting(version, given);
    this.name = this.#setting?.name ?? given;
  }

  /**
   * What it takes to change it; undefined where nothing can. Whoever gave it to the program itself must start it anew.
   * @param chosen it goes from what the server chose at its start to a file's value, or back
   */
  consequence(source: string | undefined, chosen: boolean): Consequence | undefined {
    if (this.name.includes(" ")) return "reload";
    const needs = context(this.version, this.name);
    if (needs === "nothing") return undefined;
    if (floorSettings(this.version).includes(this.name)) return "restart in order";
    const given = source === "command line" || source === "environment variable";
    return needs === "restart" || needs === undefined || given || chosen ? "restart" : "reload";
  }

  orDefault(filed: FiledSetting | undefined): string | undefined {
    return filed?.value ?? this.#setting?.default;
  }

  same(left: string | undefined, right: string | undefined): boolean {
    if (left === right) return true;
    if (left === undefined || right === undefined || this.#setting === undefined) return false;
    return sameValue(this.#setting, left, right);
  }

  text(value: string): string {
    const means = this.#setting === undefined ? undefined : meaning(this.#setting, value);
    const plain = this.#setting === undefined || means === undefined ? value : formatValue(this.#setting, means);
    const text = shownValue(this.name, plain);
    return text === "" || /\s/.test(text) ? `'${text}'` : text;
  }

  /** What is there and what is declared. */
  both(there: FiledSetting | undefined, wanted: FiledSetting | undefined): readonly [SettingFound, SettingFound] {
    const conninfo = this.name === "primary_conninfo" ? this.#byParameter(there, wanted) : undefined;
    if (conninfo !== undefined) return conninfo;
    const named = (one: FiledSetting | undefined): SettingFound => {
      if (one !== undefined) return { is: "setting", value: this.text(one.value) };
      const standard = this.#setting?.default;
      return { is: "setting", ...(standard === undefined ? {} : { default: this.text(standard) }) };
    };
    const [left, right] = [named(there), named(wanted)];
    const same = left.value === right.value && left.default === right.default;
    return same ? [{ ...left, anotherSecret: true }, right] : [left, right];
  }

  /** By the parameters of the connection that differ; undefined where that tells nothing. */
  #byParameter(
    there: FiledSetting | undefined,
    wanted: FiledSetting | undefined,
  ): readonly [SettingFound, SettingFound] | undefined {
    const [left, right] = [there, wanted].map((one) => parseConninfo(one?.value ?? "") ?? {}) as [Words, Words];
    const names = [...new Set([...Object.keys(left), ...Object.keys(right)])].sort();
    const differing = names.filter((name) => left[name] !== right[name]);
    if (there === undefined || wanted === undefined || differing.length === 0) return undefined;
    const say = (words: Words) =>
      differing.map((name) => `${name}=${words[name] === undefined ? "" : open.has(name) ? words[name] : mask}`);
    return [
      { is: "setting", value: say(left).join(" ") },
      { is: "setting", value: say(right).join(" ") },
    ];
  }
}

type Words = Readonly<Record<string, string>>;
const open = new Set(["host", "hostaddr", "port", "user", "application_name", "sslmode", "passfile", "dbname"]);

/** Files of settings whose text differs: a line that is none, or where nothing else was said of them, nothing that matters. */
function textDifferences(
  is: ConfigurationState,
  shall: ConfigurationState,
  make: Make,
  others: readonly Difference[],
): readonly Difference[] {
  const files = [...new Set([...settingFiles, ...Object.keys(shall.files).filter(isIncluded)])];
  return files.flatMap((file) => {
    const [left, right] = [is.files[file], shall.files[file]];
    if (left === undefined || right === undefined || left === right) return [];
    const wrong = parseConfiguration(left).problems.map(({ path }) =>
      make({ kind: "line", file, line: path }, { is: "no setting" }, "install"),
    );
    if (wrong.length > 0 || others.some(({ object }) => object.kind === "setting" && object.file === file))
      return wrong;
    return [make({ kind: "file text", file }, { is: "same meaning" }, "nothing")];
  });
}

/** Settings that somebody meant to have, in files that nothing includes. */
function ignoredDifferences(version: Major, { __ignored = {} }: ConfigurationState, make: Make): readonly Difference[] {
  return Object.entries(__ignored).flatMap(([file, text]) =>
    parseConfiguration(text).lines.map(({ name, value, line }) => {
      const shown = new Shown(version, name);
      const object = { kind: "setting", file, name: shown.name, line } as const;
      return make(object, { is: "setting", value: shown.text(value), unread: true }, "by hand");
    }),
  );
}

function permissionDifferences(is: ConfigurationState, shall: ConfigurationState, make: Make): readonly Difference[] {
  return Object.entries(shall.permissions).flatMap(([file, wanted]) => {
    const found = is.permissions[file];
    if (found === undefined || found === wanted) return [];
    return [make({ kind: "file access", file }, found, file === "pg_hba.conf" ? "reload" : "install", wanted)];
  });
}

/** Said where nothing else is said of its rules: an edit that was reloaded and put back leaves no other trace. */
function unreadDifferences(is: ConfigurationState, access: readonly Difference[], make: Make): readonly Difference[] {
  if (!is.unread || access.some(({ object }) => object.kind !== "file text")) return [];
  return [make({ kind: "rules in force" }, { is: "in doubt" }, "reload")];
}
