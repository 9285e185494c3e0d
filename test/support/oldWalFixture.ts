import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync, gzipSync } from "node:zlib";
import type { Major } from "../../postgres/versions.js";

/** What real servers of an old version left on the night: recorded once, and read by tests in every run. */
export interface OldWal {
  readonly version: string;
  readonly major: Major;
  /** The last segment that the primary wrote, and the one before it, in another 4 GB. */
  readonly segment: string;
  readonly before: string;
  /** Of that one the last pages; of the other the first ones, as the standby received them; as the new timeline has them. */
  readonly pages: { readonly before: Buffer; readonly received: Buffer; readonly begun: Buffer };
  /** Of the new primary. */
  readonly history: string;
  /** By the new primary's own word: where its first record is (until 9.2), or its history file says (9.3 and later). */
  readonly left: string;
  /** Its control file in each state, and what pg_controldata says of it. */
  readonly control: Readonly<Record<"production" | "recovery" | "stopped standby" | "stopped primary", ControlFixture>>;
}

export interface ControlFixture {
  readonly file: Buffer;
  readonly said: Readonly<Record<string, string>>;
}

const folder = join(fileURLToPath(import.meta.url), "..", "..", "fixtures", "old", "wal");

export const oldWalVersions = ["9.0.3", "9.1.24", "9.2.24", "9.3.24", "9.4.19", "9.5.14"] as const;

export function readOldWal(version: string): OldWal {
  return JSON.parse(readFileSync(join(folder, `${version}.json`), "utf8"), (_key, value) =>
    typeof value === "object" && value !== null && "gzip" in value
      ? gunzipSync(Buffer.from((value.gzip as string[]).join(""), "base64"))
      : value,
  ) as OldWal;
}

export function writeOldWal(found: OldWal): void {
  const packed = (value: unknown): unknown => {
    if (Buffer.isBuffer(value))
      return {
        gzip: gzipSync(value, { level: 9 })
          .toString("base64")
          .match(/.{1,100}/g),
      };
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, packed(part)]));
  };
  writeFileSync(join(folder, `${found.version}.json`), `${JSON.stringify(packed(found), undefined, 2)}\n`);
}
