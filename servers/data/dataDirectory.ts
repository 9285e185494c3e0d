import { join } from "node:path";
import * as z from "zod";
import { controlPath, type Directories, incompleteMarker } from "../../config/controlDirectory.js";
import type { Host } from "../../hosts/host.js";
import { controlFileOf, readControlFile } from "./controlFile.js";
import { isPrepared } from "./standing.js";

/** The proof that pgsite made a data directory: `identity.json` in the control directory, written last. */
export interface Identity {
  readonly site: string;
  readonly server: string;
  /** The stack that describes it, where the database exists once: another one of the same names is not to take it for its own. */
  readonly stack?: string | undefined;
  /** Decimal, unsigned: it does not fit a JavaScript number. */
  readonly systemIdentifier: string;
  /** The data of another major version that these were made of. */
  readonly upgradedFrom?: UpgradedFrom;
}

export interface UpgradedFrom {
  readonly version: string;
  readonly systemIdentifier: string;
  /** While the one takes the other's place, either of them may be there. */
  readonly switching?: true;
}

/**
 * What is in a data directory:
 * - `absent`, `empty` (also where there is nothing but lost+found, and places for WAL and logs that lead to other disks);
 * - `incomplete`: pgsite began to fill it and was cut off;
 * - `ours`: identity.json names this system identifier;
 * - `replaced`: identity.json names another, or the control file is gone: somebody put other data there;
 * - `foreign`: something that pgsite did not make.
 */
export type DataKind = "absent" | "empty" | "incomplete" | "ours" | "foreign" | "replaced";

export interface DataDirectoryState {
  readonly kind: DataKind;
  /** Of global/pg_control, decimal. */
  readonly systemIdentifier?: string;
  /** Content of PG_VERSION: `9.0`, `15`. */
  readonly version?: string;
  readonly identity?: Identity;
  /** True where a backup_label lies there: a base backup that has not been started yet. */
  readonly backupLabel: boolean;
}

const systemIdentifierSchema = z.string().regex(/^\d+$/);
const identitySchema = z.object({
  site: z.string(),
  server: z.string(),
  stack: z.string().optional(),
  systemIdentifier: systemIdentifierSchema,
  upgradedFrom: z
    .object({ version: z.string(), systemIdentifier: systemIdentifierSchema, switching: z.literal(true).optional() })
    .optional(),
});

/** What of a data directory somebody else has a use for too, each read when it is asked for. */
export interface Known {
  control(): Promise<Buffer | undefined>;
  version(): Promise<string | undefined>;
}

function knownOf(host: Host, dataDirectory: string): Known {
  return {
    control: () => readControlFile(host, dataDirectory),
    version: async () => (await host.readFile(join(dataDirectory, "PG_VERSION")))?.toString("utf8").trim(),
  };
}

/** Looks at a data directory without changing anything. @throws HostUnreachable, or where it may not be read */
export async function inspectDataDirectory(
  host: Host,
  directories: Directories,
  known = knownOf(host, directories.dataDirectory),
): Promise<DataDirectoryState> {
  const { dataDirectory } = directories;
  const [status, identity] = await Promise.all([host.stat(dataDirectory), readIdentity(host, directories)]);
  const made = identity === undefined ? {} : { identity };
  if (status === undefined) return { kind: "absent", backupLabel: false, ...made };
  if (status.type !== "directory") return { kind: "foreign", backupLabel: false, ...made };
  const names = (await host.list(dataDirectory)) ?? [];
  const isEmpty = names.every((name) => name === "lost+found") || (await isPrepared(host, dataDirectory, names));
  if (isEmpty) return { kind: "empty", backupLabel: false, ...made };
  const [control, version] = await Promise.all([known.control(), known.version()]);
  const systemIdentifier = control === undefined || control.length < 8 ? undefined : systemIdentifierIn(control);
  return {
    kind: names.includes(incompleteMarker) ? "incomplete" : kindOf(identity, systemIdentifier),
    ...(systemIdentifier === undefined ? {} : { systemIdentifier }),
    ...(version === undefined ? {} : { version }),
    ...made,
    backupLabel: names.includes("backup_label"),
  };
}

function kindOf(identity: Identity | undefined, systemIdentifier: string | undefined): DataKind {
  if (identity === undefined) return "foreign";
  const { upgradedFrom } = identity;
  const before = upgradedFrom?.switching === true ? upgradedFrom.systemIdentifier : undefined;
  const isOurs =
    systemIdentifier === identity.systemIdentifier || (before !== undefined && systemIdentifier === before);
  return isOurs ? "ours" : "replaced";
}

/** The first eight bytes of global/pg_control in every version, in the machine's (little-endian) order. */
export async function readSystemIdentifier(host: Host, dataDirectory: string): Promise<string | undefined> {
  const bytes = await host.readBytes(controlFileOf(dataDirectory), 0, 8);
  return bytes === undefined || bytes.length < 8 ? undefined : systemIdentifierIn(bytes);
}

/** The system identifier in the content of a control file. */
export function systemIdentifierIn(control: Buffer): string {
  return control.readBigUInt64LE(0).toString();
}

/** identity.json, or undefined where there is none. @throws where it cannot be understood, naming the file */
export async function readIdentity(host: Host, directories: Directories): Promise<Identity | undefined> {
  const path = controlPath(directories, "identity");
  const content = await host.readFile(path);
  if (content === undefined) return undefined;
  try {
    return identitySchema.parse(JSON.parse(content.toString("utf8"))) as Identity;
  } catch {
    throw new Error(
      `${path} on ${host.name} is not an identity that pgsite wrote; if the data directory beside it is wanted, correct the file, else move both away`,
    );
  }
}

export async function writeIdentity(host: Host, directories: Directories, identity: Identity): Promise<void> {
  await host.makeDirectory(directories.controlDirectory);
  await host.writeFile(controlPath(directories, "identity"), `${JSON.stringify(identity, undefined, 2)}\n`);
}
