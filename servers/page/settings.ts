import { mask, shownValue } from "../../postgres/secrets/index.js";
import { findSetting } from "../../postgres/settings/catalogue.js";
import { isChosen } from "../../postgres/settings/chosen.js";
import { formatQuantity } from "../../postgres/settings/quantities.js";
import { formatValue, isShownAs, meaning } from "../../postgres/settings/values.js";
import type { Major } from "../../postgres/versions.js";
import { runningOtherwise } from "../status/live.js";
import type { LiveSetting } from "../status/runningSettings.js";
import type { PageSetting } from "./model.js";

/** What a server is compared by. */
export interface Compared {
  readonly version: Major;
  /** Of its files as they are rendered, by lower-case name (filedSettings). */
  readonly declared: ReadonlyMap<string, { readonly name: string; readonly value: string }>;
  /** Every row of pg_settings. @default it could not be asked */
  readonly running?: ReadonlyMap<string, LiveSetting>;
  /** Names of settings whose whole value is a secret: the stack file has it encrypted. */
  readonly secret?: ReadonlySet<string>;
}

/** What a server computes, or a session brings along: nobody declares it. */
const ofNobody = new Set(["default", "override", "client", "session", "interactive", "test"]);

/** The settings of a server that are declared, or that it runs with beside its defaults; by name. */
export async function settingsOf({
  version,
  declared,
  running,
  secret = new Set(),
}: Compared): Promise<readonly PageSetting[]> {
  // Without what is included: that is others' to declare.
  const given = new Map([...declared].filter(([key]) => !key.includes(" ")));
  const live = new Map([...(running ?? [])].map(([name, setting]) => [name.toLowerCase(), { name, setting }]));
  const other = running === undefined ? {} : await runningOtherwise({ version, settings: running }, given);
  const isNobodys = (name: string, setting: LiveSetting) =>
    ofNobody.has(setting.source) || isChosen(version, name, setting);
  const beside = [...live].filter(([key, { setting }]) => given.has(key) || !isNobodys(key, setting));
  const keys = [...new Set([...given.keys(), ...beside.map(([key]) => key)])].sort();
  return keys.map((key) => {
    const there = live.get(key);
    const name = there?.name ?? given.get(key)?.name ?? key;
    const wanted = given.get(key)?.value;
    const show = (value: string) => (secret.has(key) && value !== "" ? mask : shownValue(name, value));
    return {
      name,
      ...(wanted === undefined ? {} : { declared: show(wanted) }),
      ...(there === undefined ? {} : { running: show(asPeopleWriteIt(version, name, there.setting, wanted)) }),
      differs:
        wanted !== undefined && there !== undefined && (name in other || isOtherCommand(name, wanted, there.setting)),
      ...(there?.setting.pending === true ? { pendingRestart: true as const } : {}),
    };
  });
}

/** Of a command, which is shown as it was given, or as what it is while nothing is archived. */
function isOtherCommand(name: string, wanted: string, { value }: LiveSetting): boolean {
  return ["archive_command", "restore_command"].includes(name) && value !== wanted && value !== "(disabled)";
}

/** In the words of the stack file where it means the same, else as SHOW prints it: pg_settings has numbers of its base unit. */
function asPeopleWriteIt(
  version: Major,
  name: string,
  { value, facts }: LiveSetting,
  wanted: string | undefined,
): string {
  const setting = findSetting(version, name);
  if (setting === undefined)
    return facts?.unit === undefined ? value : formatQuantity(version, facts.unit, Number(value));
  if (wanted !== undefined && isShownAs(setting, wanted, value)) return wanted;
  const means = meaning(setting, value);
  return means === undefined ? value : formatValue(setting, means);
}
