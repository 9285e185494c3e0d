/** What a container that a stack makes is for. */
export interface ContainerFacts {
  /** The OS user that runs the servers. */
  readonly osUser: string;
  /** Where its volume is mounted; a new one belongs to root. */
  readonly folder: string;
  /** Names of its servers' System V scripts. */
  readonly services: readonly string[];
}

/**
 * As root, until the container is stopped. What it starts was put there by pgsite since the container was made; a signal
 * that comes meanwhile waits.
 */
const script = `user=$1 folder=$2
shift 2
install -d -o "$user" -m 755 -- "$folder"
each() {
  action=$1
  shift
  for name; do [ -x "/etc/init.d/$name" ] && "/etc/init.d/$name" "$action"; done
}
trap 'each stop "$@"; exit 0' TERM INT
each start "$@"
while :; do
  sleep infinity &
  wait "$!"
done`;

/**
 * The first process of a container that a stack makes: it gives the volume to the servers' user, starts the servers that
 * have a System V script there, and stops them with the container. So they come back with it.
 */
export function firstProcess({ osUser, folder, services }: ContainerFacts): readonly [string, ...string[]] {
  return ["/bin/sh", "-c", script, "sh", osUser, folder, ...services];
}
