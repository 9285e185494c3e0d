/** What a container that a stack makes is for. */
export interface ContainerFacts {
  /** The OS user that runs the servers. */
  readonly osUser: string;
  /** Where its volume is mounted; a new one belongs to root. */
  readonly folder: string;
  /** Of its servers. */
  readonly dataDirectories: readonly string[];
  /** Names of its servers' System V scripts. */
  readonly services: readonly string[];
}

/**
 * As root, until the container is stopped. The lock on the volume lasts as long: no other container runs on it, so that a
 * postmaster.pid is left from one that is gone. Process ids begin anew in each container, and a server does not start while
 * any process of its user's has the one in there. What is started was put there by pgsite since the container was made; a
 * signal that comes meanwhile waits. The volume is its user's: what happens in it happens as that user.
 */
const script = `user=$1 folder=$2
shift 2
mkdir -p -- "$folder"
[ "$(stat -c %u -- "$folder")" != 0 ] || chown -h -- "$user" "$folder"
exec 9<"$folder"
flock -n 9 || {
  echo "another container runs on the volume of $folder" >&2
  exit 1
}
while [ "$1" != -- ]; do
  # shellcheck disable=SC2016 # That user's shell expands it.
  data=$1 su -s /bin/sh "$user" -c 'rm -f -- "$data/postmaster.pid"'
  shift
done
shift
each() {
  action=$1
  shift
  for name; do [ -x "/etc/init.d/$name" ] && "/etc/init.d/$name" "$action" 9<&-; done
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
export function firstProcess(facts: ContainerFacts): readonly [string, ...string[]] {
  const { osUser, folder, dataDirectories, services } = facts;
  return ["/bin/sh", "-c", script, "sh", osUser, folder, ...dataDirectories, "--", ...services];
}
