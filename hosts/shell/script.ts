import { quote } from "../quote.js";

/** Seconds without a sign of life from us after which a host ends what we started there. */
export const silenceSeconds = 60;
/** Seconds between two signs of life. */
export const pingSeconds = 10;

/**
 * What a session's shell on the host does: it obeys line after line and marks the end of what each of them printed, on
 * both streams. It knows which programs run for us (`track`), and ends them when it ends: when our process goes away
 * its standard input closes; and when a connection breaks so that nobody says so, its watch hears no `ping` any more.
 * Without that, a lock of ours would be held there for hours.
 */
export function sessionScript(token: string): string {
  return `eval ${quote(`
frame() {
  printf "\\n%s %03d\\n" ${token} "$1"
  printf "\\n%s %03d\\n" ${token} "$1" >&2
}
tracked=
track() { tracked="$tracked $1"; }
untrack() {
  others=
  for pid in $tracked; do [ "$pid" = "$1" ] || others="$others $pid"; done
  tracked=$others
}
leave() {
  trap "" TERM
  kill $tracked $watch 2>/dev/null
  exit 0
}
session=$$
{
  trap "heard=yes" USR1
  trap 'kill "$nap"; exit' TERM
  while :; do
    heard=
    sleep ${silenceSeconds} &
    nap=$!
    wait "$nap"
    [ -n "$heard" ] || { kill "$session"; exit; }
    kill "$nap"
  done
} </dev/null >/dev/null 2>&1 &
watch=$!
trap leave TERM HUP
ping() { kill -USR1 "$watch" 2>/dev/null; }
printf "hello %s %s %s\\n" ${token} "$(id -u)" "$(id -un)"
frame 0
while IFS= read -r request; do eval "$request"; done
leave
`)}`;
}
