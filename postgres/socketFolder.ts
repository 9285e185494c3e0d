/**
 * Where a server puts its sockets that is told nothing else: PostgreSQL's own /tmp, which every machine has, or what whoever
 * packaged it has compiled in (DEFAULT_PGSOCKET_DIR), which a reboot may empty: Debian, Red Hat's family, Arch, SUSE and Alpine
 * have one of these.
 */
export const packagedSocketFolders = ["/run/postgresql", "/var/run/postgresql"] as const;

/**
 * A function of a POSIX shell: `compiled_in PROGRAM` prints which of them stands in a server program, or nothing. The file is
 * read, and not run: whoever asks may be root. A FIFO would be waited for.
 */
export const compiledInFunction = `compiled_in() {
  [ -f "$1" ] || return 0
  grep -a -o -E "(/var)?/run/postgresql" -- "$1" 2>/dev/null | head -n 1
}`;
