/** Where PostgreSQL's programs lie on the systems that people have: patterns of the shell's. */
const folders = [
  "/usr/lib/postgresql/*/bin",
  "/usr/pgsql-*/bin",
  "/usr/lib/postgresql*/bin",
  "/usr/local/pgsql/bin",
  "/usr/local/pgsql-*/bin",
  "/opt/pgsql*/bin",
  "/usr/bin",
];

/** What leads to others: a program of a server, or what tells of one, on PATH. Links of it are followed, and it is not run. */
const onPath = ["pg_ctl", "postgres", "initdb", "pg_config"];

/**
 * For the scripts that look at a host: `find_programs KEY` says each folder that has all that a server takes, with the version that
 * is written in its `postgres`: `15.3 /usr/pgsql-15/bin`. Nothing of it is run.
 */
export const programsFunction = `
find_programs() {
  set -- "$1" ${folders.join(" ")}
  for name in ${onPath.join(" ")}; do
    found=$(command -v "$name") && set -- "$@" "$(dirname -- "$(readlink -f -- "$found")")"
  done
  key=$1
  shift
  for folder; do
    for program in postgres initdb pg_ctl; do [ -x "$folder/$program" ] || continue 2; done
    version=$(grep -a -o 'postgres (PostgreSQL) [0-9][0-9a-z.]*' -- "$folder/postgres" 2>/dev/null | head -n 1)
    [ -n "$version" ] && say "$key" "\${version##* } $folder"
  done
}
`;

/** The programs of one version that are in a folder. */
export interface FoundPrograms {
  /** As PostgreSQL says it: `15.3`. */
  readonly version: string;
  readonly folder: string;
}

/** What `find_programs` said; each folder once. */
export function parsePrograms(lines: readonly string[]): readonly FoundPrograms[] {
  const found = lines.map((line) => {
    const [version = "", ...folder] = line.split(" ");
    return { version, folder: folder.join(" ") };
  });
  return [...new Map(found.reverse().map((one) => [one.folder, one])).values()].reverse();
}
