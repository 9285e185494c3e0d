import { atLeast, type Major, majors } from "../versions.js";
import type { SettingFacts } from "./setting.js";

/**
 * What depends on how a server was built, or on its minor release, and so is missing from catalogues that were read off one
 * build. Accepted, because the version may have it; `buildNote` says that the programs on the host decide.
 */
interface BuildRow {
  readonly setting: string;
  readonly from: Major;
  readonly until: Major;
  /** What the build needs: `--with-lz4`. */
  readonly needs: string;
}

const enumRows: readonly (BuildRow & { readonly value: string })[] = [
  { setting: "default_toast_compression", value: "lz4", from: "14", until: "18", needs: "--with-lz4" },
  { setting: "wal_compression", value: "lz4", from: "15", until: "18", needs: "--with-lz4" },
  { setting: "wal_compression", value: "zstd", from: "15", until: "18", needs: "--with-zstd" },
  { setting: "io_method", value: "io_uring", from: "18", until: "18", needs: "--with-liburing" },
  { setting: "wal_sync_method", value: "fsync_writethrough", from: "9.0", until: "18", needs: "macOS or Windows" },
];

const settingRows: readonly (BuildRow & { readonly facts: SettingFacts })[] = [
  {
    setting: "ssl_ciphers",
    from: "9.0",
    until: "9.0",
    needs: "--with-openssl",
    facts: {
      name: "ssl_ciphers",
      type: "string",
      context: "postmaster",
      default: "ALL:!ADH:!LOW:!EXP:!MD5:@STRENGTH",
      category: "Connections and Authentication / Security and Authentication",
    },
  },
  {
    setting: "data_sync_retry",
    from: "9.4",
    until: "9.5",
    needs: "9.4.21 or 9.5.16",
    facts: {
      name: "data_sync_retry",
      type: "bool",
      context: "postmaster",
      default: "off",
      category: "Error Handling",
    },
  },
];

function applies(row: BuildRow, major: Major): boolean {
  return atLeast(major, row.from) && majors.indexOf(major) <= majors.indexOf(row.until);
}

/** Values of an enum that some builds of a version have and the catalogue's build had not. */
export function enumValuesByBuild(major: Major, setting: string): readonly string[] {
  return enumRows.filter((row) => row.setting === setting && applies(row, major)).map((row) => row.value);
}

/** Settings that some builds or minor releases of a version have and the catalogue's build had not. */
export function settingsByBuild(major: Major): readonly SettingFacts[] {
  return settingRows.filter((row) => applies(row, major)).map((row) => row.facts);
}

/** What the server programs must have been built with for a setting or its value, or undefined where every build takes it. */
export function buildNeeds(major: Major, setting: string, value: string): string | undefined {
  const row =
    enumRows.find((one) => one.setting === setting && one.value === value && applies(one, major)) ??
    settingRows.find((one) => one.setting === setting && applies(one, major));
  return row?.needs;
}
