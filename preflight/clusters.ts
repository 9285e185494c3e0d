import { expanded } from "./way.js";

/** Clusters that Debian's tools know (postgresql-common), running or not: those of /etc/postgresql/VERSION/NAME. */
export interface DebianCluster {
  readonly version: string;
  readonly name: string;
  readonly dataDirectory: string;
  readonly port: number;
  /** Its start.conf: whether it starts with the machine. */
  readonly start: "auto" | "manual" | "disabled";
}

/**
 * A function of a POSIX shell: for each, `clusters` calls `cluster VERSION NAME PORT START DATADIRECTORY`. It reads what everybody
 * may read, and runs nothing.
 */
export const clustersFunction = String.raw`
clusters() {
  for file in /etc/postgresql/*/*/postgresql.conf; do
    [ -f "$file" ] || continue
    folder=${expanded("file%/postgresql.conf")}
    name=${expanded("folder##*/")} version=${expanded("folder%/*")}
    version=${expanded("version##*/")}
    value() { sed -n "s/^[[:space:]]*$1[[:space:]]*=*[[:space:]]*'*\([^'#]*[^'#[:space:]]\).*/\1/p" "$file" 2>/dev/null | tail -n 1; }
    port=$(value port) data=$(value data_directory) start=
    [ ! -f "$folder/start.conf" ] || start=$(sed -n 's/^[[:space:]]*\(auto\|manual\|disabled\).*/\1/p' "$folder/start.conf" 2>/dev/null | head -n 1)
    case $port in '' | *[!0-9]*) port=5432 ;; esac
    cluster "$version" "$name" "$port" "${expanded("start:-auto")}" "${expanded("data:-/var/lib/postgresql/$version/$name")}"
  done
}
`;

/** `15 main 5432 auto /var/lib/postgresql/15/main` */
export function parseCluster(line: string): DebianCluster | undefined {
  const [, version, name, port, start, dataDirectory] =
    /^(\S+) (\S+) (\d+) (auto|manual|disabled) (\/.*)$/.exec(line) ?? [];
  if (version === undefined || name === undefined || dataDirectory === undefined) return undefined;
  return { version, name, port: Number(port), start: start as DebianCluster["start"], dataDirectory };
}
