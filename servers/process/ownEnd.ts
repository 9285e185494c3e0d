import ipaddr from "ipaddr.js";
import type { Host } from "../../hosts/host.js";
import { below } from "./below.js";

/**
 * Prints the own ends of the connections that a server's walreceiver has, as /proc writes them: `0100007F:89E2`. Nothing where its
 * connection cannot be seen: then the address alone tells whose walsender one is.
 */
const ends = `${below}
for pid in $(below "$1"); do
  readTitle "$pid" || continue
  case $title in *'wal receiver'*|*walreceiver*) ;; *) continue ;; esac
  for fd in "/proc/$pid/fd"/*; do
    link=$(readlink "$fd") || continue
    case $link in 'socket:['*) ;; *) continue ;; esac
    inode=\${link#'socket:['}
    inode=\${inode%']'}
    cat "/proc/$pid/net/tcp" "/proc/$pid/net/tcp6" | while read -r _ own _ state _ _ _ _ _ number _; do
      [ "$state $number" != "01 $inode" ] || echo "$own"
    done
  done
done 2>/dev/null
exit 0`;

/** Where a walreceiver connects from, as its upstream sees it unless something between them changes addresses. */
export interface OwnEnd {
  readonly address: string;
  readonly port: number;
}

/** @param postmaster its process */
export async function ownEndOf(host: Host, postmaster: number): Promise<OwnEnd | undefined> {
  const { code, stdout } = await host.run(["sh", "-c", ends, "sh", `${postmaster}`]);
  const [first = "", ...others] = [...new Set(stdout.split("\n").filter((line) => line !== ""))];
  // Two connections: nobody knows which is the one.
  return code === 0 && others.length === 0 ? ownEndIn(first) : undefined;
}

/** The words of /proc/net/tcp and tcp6: each four bytes of an address as a number of the machine's, little-endian here. */
export function ownEndIn(text: string): OwnEnd | undefined {
  const match = /^([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4})$/.exec(text);
  if (match === null) return undefined;
  const [, words = "", port = ""] = match;
  const bytes = (words.match(/.{8}/g) ?? []).flatMap((word) =>
    (word.match(/../g) ?? []).map((byte) => Number.parseInt(byte, 16)).reverse(),
  );
  return {
    address: ipaddr.process(ipaddr.fromByteArray(bytes).toString()).toString(),
    port: Number.parseInt(port, 16),
  };
}
