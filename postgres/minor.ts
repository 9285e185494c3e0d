import { majorOf } from "./versions.js";

/** `15.20` of `15.20`, `9.0.4` of `9.0.4`; undefined of a major version alone. */
export function minorOf(version: string): string | undefined {
  const [text] = /^\d+(?:\.\d+)*/.exec(version.trim()) ?? [];
  return text === undefined || text === majorOf(version) ? undefined : text;
}

/** Whether a release comes before another of the same major version. */
export function isOlder(one: string, other: string): boolean {
  const numbers = (text: string) => text.split(".").map(Number);
  const [first, second] = [numbers(one), numbers(other)];
  const at = second.findIndex((number, index) => number !== (first[index] ?? 0));
  return at >= 0 && (first[at] ?? 0) < (second[at] ?? 0);
}

/** Of a package's version, that of what is in it: `15.20` of `15.20-0+deb12u1`, `1:15.20-1.pgdg120+1`. */
export function releaseOf(packaged: string): string | undefined {
  return /^(?:\d+:)?(\d+(?:\.\d+)*)/.exec(packaged)?.[1];
}
