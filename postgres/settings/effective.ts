import type { Major } from "../versions.js";
import { findSetting } from "./catalogue.js";
import { formatValue, type Meaning, meaning } from "./values.js";

/** The settings in force: those that were given, and the version's defaults for the rest. */
export class Effective {
  constructor(
    readonly major: Major,
    readonly given: Readonly<Record<string, string>>,
  ) {}

  has(name: string): boolean {
    return Object.hasOwn(this.given, name);
  }

  text(name: string): string {
    return this.given[name] ?? findSetting(this.major, name)?.default ?? "";
  }

  private mean(name: string): Meaning | undefined {
    const setting = findSetting(this.major, name);
    return setting === undefined ? undefined : meaning(setting, this.text(name));
  }

  /** In the setting's base unit; 0 where the version has no such setting. */
  number(name: string): number {
    const value = this.mean(name);
    return typeof value === "number" ? value : 0;
  }

  on(name: string): boolean {
    const value = this.mean(name);
    return value === true || (typeof value === "string" && value !== "off" && value !== "");
  }

  is(name: string, word: string): boolean {
    return this.mean(name) === word;
  }

  /** `max_connections 100`, as SHOW would print the value. */
  shown(name: string): string {
    const setting = findSetting(this.major, name);
    const value = this.mean(name);
    if (setting === undefined || value === undefined) return `${name} '${this.text(name)}'`;
    return `${name} ${formatValue(setting, value) === "" ? "''" : formatValue(setting, value)}`;
  }
}
