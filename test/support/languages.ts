import { execFileSync, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { userInfo } from "node:os";
import { debian15 } from "./parted.js";

/** A language that servers of tests speak. */
export interface Language {
  readonly locale: string;
  /** What its locale is made of, in Debian's package `locales`. */
  readonly territory: string;
  /** What a server begins with that says that it takes sessions. */
  readonly ready: string;
  /** What it answers whoever comes while it stops. */
  readonly stopping: string;
  /** What it answers who divides by zero. */
  readonly byZero: string;
}

export const languages = {
  french: {
    locale: "fr_FR.UTF-8",
    territory: "fr_FR",
    ready: "le système de bases de données est prêt pour accepter les connexions",
    stopping: "le système de base de données s'arrête",
    byZero: "division par zéro",
  },
  german: {
    locale: "de_DE.UTF-8",
    territory: "de_DE",
    ready: "Datenbanksystem ist bereit, um",
    stopping: "das Datenbanksystem fährt herunter",
    byZero: "Division durch Null",
  },
} as const satisfies Readonly<Record<string, Language>>;

/** Why no server speaks another language here: npm's programs have no translations, Debian's have. */
export function whyEnglishAlone(): string | undefined {
  if (!existsSync(`${debian15}/postgres`)) return "needs Debian's postgresql-15";
  if (!existsSync("/usr/share/locale/fr/LC_MESSAGES/postgres-15.mo")) return "needs its translations";
  const lacking = Object.values(languages).filter(({ locale }) => !isThere(locale));
  if (lacking.length === 0) return undefined;
  return userInfo().uid === 0 && existsSync("/usr/share/i18n/locales") ? undefined : "needs root and Debian's locales";
}

function isThere(locale: string): boolean {
  const { stdout = "" } = spawnSync("locale", ["-a"], { encoding: "utf8" });
  return stdout.split("\n").includes(locale.replace("UTF-8", "utf8"));
}

/** Makes its locale, where the machine has none. */
export function makeLocale({ locale, territory }: Language): void {
  if (!isThere(locale)) execFileSync("localedef", ["-i", territory, "-f", "UTF-8", locale]);
}
