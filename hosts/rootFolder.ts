/**
 * Functions of a POSIX shell, for root. `make_folder USER FOLDER [MODE]` makes one that is missing where its user may not, below
 * /run say, and only where root alone can put something: anybody else could put a link there meanwhile, and have root give
 * away what that leads to. What is there stays as it is. Missing parents are root's, with mode 0755.
 */
export const makeFolderAsRoot = `alone() {
  at=$1
  while [ -n "$(find "$at/." -prune -user 0 ! -perm -020 ! -perm -002)" ]; do
    [ "$at" != / ] || return 0
    at=$(dirname -- "$at")
  done
  return 1
}
make_folder() {
  [ ! -e "$2" ] && [ ! -L "$2" ] || return 0
  parent=$(dirname -- "$2")
  above=$parent
  until [ -d "$above" ]; do above=$(dirname -- "$above"); done
  if alone "$above" && alone "$(cd -P -- "$above" && pwd)"; then
    (umask 022; mkdir -p -- "$parent") && mkdir -m "\${3:-755}" -- "$2" && chown -h -- "$1" "$2"
  else
    echo "$2 is missing, and root makes no folder where others may put something: $at" >&2
  fi
}`;
