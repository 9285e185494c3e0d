import { chmodSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { debianPrograms } from "./ownServer.js";

/**
 * A folder of programs that keep of a database what those of 10 do: nothing of its settings, grants, connection limit and
 * comment, neither in an archive's list nor in its text. They are Debian's, with real archives; no registry has older clients.
 */
export function programsOfTen(folder: string): string {
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  for (const name of readdirSync(debianPrograms))
    if (!(name in scripts)) symlinkSync(join(debianPrograms, name), join(folder, name));
  for (const [name, script] of Object.entries(scripts)) {
    const path = join(folder, name);
    writeFileSync(path, `${heading(name)}${script}`);
    chmodSync(path, 0o755);
  }
  return folder;
}

const heading = (name: string) => `#!/bin/sh
[ "\${1:-}" != --version ] || { echo '${name} (PostgreSQL) 10.23'; exit; }
real='${debianPrograms}' here=$(dirname -- "$0")
`;

const scripts: Readonly<Record<string, string>> = {
  pg_dumpall: `exec "$real/pg_dumpall" "$@"\n`,
  pg_dump: `case " $* " in *' -Fc '*) exec "$real/pg_dump" "$@" ;; esac
work=$(mktemp -d) && trap 'rm -rf -- "$work"' EXIT
create=''
case " $* " in *' -C '*) create=-C ;; esac
"$real/pg_dump" -Fc "$@" >"$work/archive" && "$here/pg_restore" $create "$work/archive"
`,
  pg_restore: `listing='' create='' chosen='' directed=''
for one; do
  case $one in
    -l) listing=1 ;;
    -C) create=1 ;;
    -L | --use-list=*) chosen=1 ;;
    -d | -f) directed=1 ;;
  esac
done
[ -z "$directed" ] || exec "$real/pg_restore" "$@"
work=$(mktemp -d) && trap 'rm -rf -- "$work"' EXIT
if [ -n "$listing" ]; then
  "$real/pg_restore" "$@" >"$work/list" || exit
  sed -E '/^[0-9]+; [0-9]+ [0-9]+ (DATABASE PROPERTIES|ACL - DATABASE) /d; s/^([0-9]+); 0 0 COMMENT - DATABASE /\\1; 1262 1 COMMENT - /' "$work/list"
  exit 0
fi
for archive; do :; done
if [ -n "$create" ] && [ -n "$chosen" ]; then
  # Of the database itself. What is not in a list comes all the same, at another place.
  "$real/pg_restore" -C -l "$archive" | grep -E '^[0-9]+; [0-9]+ [0-9]+ (DATABASE|(ACL|COMMENT) - DATABASE) ' >"$work/chosen"
  set -- -C -L "$work/chosen" "$archive"
fi
"$real/pg_restore" -f - "$@" >"$work/text" || exit
# With the properties goes the second of two connections, which they end with.
awk '/^-- Name: .*; Type: DATABASE PROPERTIES;/ || /^-- Name: DATABASE .*; Type: (ACL|COMMENT);/ { hidden = 1; next }
  /^-- (Name: |Data for Name: |PostgreSQL database dump complete)/ { hidden = 0 }
  !hidden' "$work/text"
`,
};
