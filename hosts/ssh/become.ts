import type { HostSpec } from "../host.js";
import { quoteAll } from "../quote.js";
import { obey } from "../shell/transport.js";

/** How one becomes the OS user ($2) and runs a script ($1) as that user. */
const ways = {
  none: 'eval "$1"',
  su: 'exec su -s /bin/sh -c "$1" "$2"',
  sudo: 'exec sudo -n -H -u "$2" -- /bin/sh -c "$1"',
} as const;

/** Why nobody becomes that user is known by what su and sudo say (`failure.ts`): they say it in the language of the login. */
const inEnglish = "export LC_ALL=C; ";

const byWhoWeAre = `if [ "$(id -un)" = "$2" ]; then ${ways.none}; elif [ "$(id -u)" = 0 ]; then ${ways.su}; else ${ways.sudo}; fi`;

/**
 * The command that ssh gives to the login shell, whichever that is: sh reads the rest. Beside the OS user's name
 * it is the same for everything.
 */
export function remoteCommand({ become, user }: HostSpec): string {
  const way = user === "" ? ways.none : become === undefined ? byWhoWeAre : ways[become];
  return `exec /bin/sh -c ${quoteAll([inEnglish + way, "sh", obey, user])}`;
}
