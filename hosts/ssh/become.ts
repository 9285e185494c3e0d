import type { HostSpec } from "../host.js";
import { quoteAll } from "./quote.js";

/**
 * What the shell of a channel does at first: it reads one line and obeys it. So whatever we want done, and with which
 * values, travels on standard input and stands in nobody's list of processes. `read` takes no byte beyond the line:
 * what follows is the program's.
 */
const obey = [
  // su keeps the folder and the PATH of whoever logged in: not for another user. What is made is nobody else's to read.
  "cd /; umask 077; export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  // A line break, which words of a request write as $nl.
  `nl=$(printf "\\nx"); nl=\${nl%x}`,
  'IFS= read -r request; eval "$request"',
].join("; ");

/** How one becomes the OS user ($2) and runs a script ($1) as that user. */
const ways = {
  none: 'eval "$1"',
  su: 'exec su -s /bin/sh -c "$1" "$2"',
  sudo: 'exec sudo -n -H -u "$2" -- /bin/sh -c "$1"',
} as const;

const byWhoWeAre = `if [ "$(id -un)" = "$2" ]; then ${ways.none}; elif [ "$(id -u)" = 0 ]; then ${ways.su}; else ${ways.sudo}; fi`;

/**
 * The command that ssh gives to the login shell, whichever that is: sh reads the rest. Beside the OS user's name
 * it is the same for everything.
 */
export function remoteCommand({ become, user }: HostSpec): string {
  const way = user === "" ? ways.none : become === undefined ? byWhoWeAre : ways[become];
  return `exec /bin/sh -c ${quoteAll([way, "sh", obey, user])}`;
}
