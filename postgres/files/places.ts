import { join } from "node:path";

/** Where a server has its files. */
export interface Folders {
  readonly dataDirectory: string;
  /** Where its configuration is, if that is not in the data directory: Debian's /etc/postgresql/VERSION/CLUSTER. */
  readonly configurationDirectory?: string | undefined;
}

/**
 * Files that PostgreSQL looks for beside postgresql.conf, or where that says. All others, those that it writes itself and those
 * that make a standby, are in the data directory wherever its configuration is.
 */
const configuration = new Set(["postgresql.conf", "pg_hba.conf", "pg_ident.conf"]);
const own = new Set([...configuration, "postgresql.auto.conf", "recovery.conf"]);

export function isConfiguration(name: string): boolean {
  return configuration.has(name) || isIncluded(name);
}

/** Files of settings that stand in others, by include or include_dir: whatever is not PostgreSQL's own by its name. */
export function isIncluded(name: string): boolean {
  return name.endsWith(".conf") && !own.has(name);
}

/** The folder of postgresql.conf, pg_hba.conf, pg_ident.conf and conf.d. */
export function configurationFolder({ dataDirectory, configurationDirectory }: Folders): string {
  return configurationDirectory ?? dataDirectory;
}

/** The path of a file of a server by the name that PostgreSQL knows it by. */
export function fileOf(folders: Folders, name: string): string {
  return join(isConfiguration(name) ? configurationFolder(folders) : folders.dataDirectory, name);
}

/** The name by which `fileOf` finds a file; its path if that is in neither folder. */
export function nameOfFile(folders: Folders, path: string): string {
  for (const folder of [configurationFolder(folders), folders.dataDirectory]) {
    const name = path.startsWith(`${folder}/`) ? path.slice(folder.length + 1) : path;
    if (fileOf(folders, name) === path) return name;
  }
  return path;
}

/** What postgresql.conf says of these places: nothing, if all are in the data directory. */
export function placeSettings(folders: Folders): Readonly<Record<string, string>> {
  const { dataDirectory, configurationDirectory } = folders;
  if (configurationDirectory === undefined) return {};
  return {
    data_directory: dataDirectory,
    hba_file: fileOf(folders, "pg_hba.conf"),
    ident_file: fileOf(folders, "pg_ident.conf"),
  };
}

/** For pg_ctl's `-o`, which it gives to a shell: the same. Paths of servers have nothing in them that a shell minds in double quotes. */
export function startOptions(folders: Folders): string | undefined {
  const words = placeArguments(folders);
  return words.length === 0 ? undefined : words.map((text) => `"${text}"`).join(" ");
}

/** For `postgres`, and for whoever hands words over to it: where postgresql.conf is, if not in the data directory. */
export function placeArguments(folders: Folders): readonly string[] {
  if (folders.configurationDirectory === undefined) return [];
  return ["-c", `config_file=${fileOf(folders, "postgresql.conf")}`];
}
