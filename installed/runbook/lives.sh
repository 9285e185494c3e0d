# shellcheck shell=sh
# Whether something lives at an address, for the scripts and for pgsite itself, so that both judge alike.

# lives ADDRESS PORT: what takes connections there, asked as every client of PostgreSQL asks first (SSLRequest): `answers` as a
# server does, `takes` them and says nothing (a server that is frozen), `closes` them (what stands before one that is down),
# `nobody`, or `unknown` where this host has nothing that could ask.
lives() {
  command -v bash >/dev/null 2>&1 || { echo unknown && return; }
  # shellcheck disable=SC2016
  met=$(timeout 8 bash -c 'exec 3<>"/dev/tcp/$0/$1" || exit 1
    printf "\0\0\0\10\4\322\26\57" >&3
    IFS= read -r -n 1 -t 3 -u 3 said
    case $? in 0) exit 10 ;; 1) exit 12 ;; *) exit 11 ;; esac' "$1" "$2" 2>&1 9>&-)
  case $? in
    10) echo answers ;;
    11) echo takes ;;
    12) echo closes ;;
    124) echo nobody ;;
    *) case $met in
      *'onnection refused'* | *'timed out'* | *'No route to host'* | *'unreachable'* | *'Host is down'*) echo nobody ;;
      *) echo unknown ;;
    esac ;;
  esac
}

# admits_nobody ADDRESS PORT: whether a server there says that it takes nobody in at present: by its SQLSTATE, which no language
# changes (cannot_connect_now, said before it asks who one is). Fails where this host has nothing that could ask.
admits_nobody() {
  command -v bash >/dev/null 2>&1 || return 1
  # shellcheck disable=SC2016
  timeout 8 bash -c 'exec 3<>"/dev/tcp/$0/$1" || exit 1
    printf "\0\0\0\25\0\3\0\0user\0pgsite\0\0" >&3
    for _ in 1 2 3 4 5 6 7 8; do
      IFS= read -r -d "" -t 3 -u 3 field || exit 1
      [ "$field" != C57P03 ] || exit 0
    done
    exit 1' "$1" "$2" >/dev/null 2>&1 9>&-
}
