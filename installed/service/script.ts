import { join } from "node:path";
import { controlPath } from "../../config/controlDirectory.js";
import { compiledIn } from "../../config/socketFolders.js";
import { quote } from "../../hosts/quote.js";
import { makeFolderAsRoot } from "../../hosts/rootFolder.js";
import { startOptions } from "../../postgres/files/places.js";
import { compiledInFunction } from "../../postgres/socketFolder.js";
import { guardOf, refusedToStart } from "../runbook/render.js";
import { heading, type ServiceFacts } from "./facts.js";
import { makeOwn, packagedPattern } from "./socketFolders.js";

const levels = [0, 1, 2, 3, 4, 5, 6] as const;

/**
 * The System V script of a server: POSIX shell, the conventions of the Linux Standard Base for actions and exit statuses,
 * and the line that chkconfig reads. It is an operator's tool too: start, stop, restart, reload, status.
 */
export function renderScript(facts: ServiceFacts): string {
  const up = levels.filter((level) => facts.runLevels.includes(level));
  const down = levels.filter((level) => !facts.runLevels.includes(level));
  const places = facts.socketFolders;
  // The program may be its user's own: what it says is read as that user, and taken where it is one of those known.
  const finding =
    places === compiledIn
      ? `  folder=$(as_user 60 '${compiledInFunction}
compiled_in "$postgres"')
  case $folder in ${packagedPattern}) set -- "$folder" ;; *) set -- ;; esac
`
      : `  set -- ${places.map(quote).join(" ")}
`;
  const making = `${finding}  for folder; do
    export folder
    as_user 60 '${makeOwn}'
    make_folder "$user" "$folder"
  done
`;
  const options = startOptions(facts);
  const hasFolders = places.length > 0;
  return `#!/bin/sh
${heading(facts)
  .map((line) => `# ${line}`)
  .join("\n")}
### BEGIN INIT INFO
# Provides:          ${facts.name}
# Required-Start:    $local_fs $remote_fs $network
# Required-Stop:     $local_fs $remote_fs $network
# Should-Start:      $syslog $time
# Should-Stop:       $syslog
# Default-Start:     ${up.join(" ")}
# Default-Stop:      ${down.join(" ")}
# Short-Description: PostgreSQL server ${facts.server}
# Description:       PostgreSQL server ${facts.server} of the site ${facts.site}
### END INIT INFO
# chkconfig: ${up.join("")} 64 36
# description: PostgreSQL server ${facts.server} of the site ${facts.site}

# Commands of the server's user are expanded by that user's shell.
# shellcheck disable=SC2016,SC2089,SC2090

# A line break, for words that have one.
nl='
'
name=${quote(facts.name)}
user=${quote(facts.user)}
pg_ctl=${quote(join(facts.binDirectory, "pg_ctl"))}
postgres=${quote(join(facts.binDirectory, "postgres"))}
data=${quote(facts.dataDirectory)}
log=${quote(facts.log ?? controlPath(facts, "startLog"))}
guard=${quote(guardOf(facts.controlDirectory))}
PGPASSFILE=${quote(facts.passfile)}
${options === undefined ? "" : `options=${quote(options)}\nexport options\n`}export nl pg_ctl postgres data log guard PGPASSFILE

# For so many seconds, where that can be said: what stands in the user's folders is not to keep the machine from booting.
as_user() {
  limit=
  command -v timeout >/dev/null 2>&1 && limit="timeout $1"
  if [ "$(id -un)" = "$user" ]; then
    $limit sh -c "$2"
  else
    $limit su -s /bin/sh "$user" -c "$2"
  fi
}
${hasFolders ? `\n${makeFolderAsRoot}\n` : ""}
running() {
  as_user 60 '"$pg_ctl" status -D "$data" >/dev/null 2>&1'
}

start() {
  if running; then
    echo "$name runs already"
    return 0
  fi
${hasFolders ? making : ""}  # A primary that was superseded does not start; any other trouble of the guard is no reason.
  as_user 300 '[ ! -x "$guard" ] || "$guard"'
  [ "$?" -ne ${refusedToStart} ] || return 1
  as_user 300 '"$pg_ctl" start -W -D "$data" -l "$log"${options === undefined ? "" : ' -o "$options"'}' >/dev/null || return 1
  # It has started once it holds its data directory; how long it recovers is its own affair.
  tries=0
  while [ "$tries" -lt 20 ]; do
    sleep 1
    if running; then
      echo "$name has started"
      return 0
    fi
    tries=$((tries + 1))
  done
  echo "$name has not started; the end of $log:" >&2
  as_user 60 '[ ! -f "$log" ] || tail -n 5 -- "$log"' >&2
  return 1
}

stop() {
  if ! running; then
    echo "$name does not run"
    return 0
  fi
  as_user 660 '"$pg_ctl" stop -m fast -w -t 600 -D "$data"' >/dev/null && echo "$name has stopped"
}

case "\${1:-}" in
  start) start ;;
  stop) stop ;;
  restart | force-reload) stop && start ;;
  reload) as_user 60 '"$pg_ctl" reload -D "$data"' ;;
  status)
    if running; then
      echo "$name runs"
    else
      echo "$name does not run"
      exit 3
    fi
    ;;
  *)
    echo "usage: $0 {start|stop|restart|reload|status}" >&2
    exit 2
    ;;
esac
`;
}
