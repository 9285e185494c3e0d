# shellcheck shell=sh
# What the guard of a database that exists once asks its host: read by it after common.sh, and by pgsite with $control and $data.
# The instance file says where the database is: `machine ID`, `host NAME`, `data FOLDER`.
# shellcheck disable=SC2154

# What a machine is known by for as long as its system is not installed anew; nothing on one of the days before systemd and D-Bus.
machine() {
  for file in /etc/machine-id /var/lib/dbus/machine-id; do
    # Whoever makes images may leave out the end of the line, or an id that is still to be made.
    id=''
    read -r id 2>/dev/null <"$file"
    case $id in '' | uninitialized) ;; *) echo "$id" && return ;; esac
  done
}

node() { cat /proc/sys/kernel/hostname; }

# claim: the database is here from now on.
claim() {
  (
    umask 077
    instance=$control/instance
    printf 'machine %s\nhost %s\ndata %s\n' "$(machine)" "$(node)" "$data" >"$instance.runbook-new" || exit
    sync "$instance.runbook-new" 2>/dev/null || sync
    mv -f "$instance.runbook-new" "$instance"
  )
}

# known WHAT: what the instance file says of it.
known() { sed -n "s/^$1 //p" "$control/instance"; }

# placed_here: `here`, `nowhere` (nobody has said), or `elsewhere FOLDER on HOST`.
placed_here() {
  [ -r "$control/instance" ] || { echo nowhere && return; }
  there="elsewhere $(known data) on $(known host)"
  [ "$(known data)" = "$data" ] || { echo "$there" && return; }
  set -- "$(known machine)" "$(machine)"
  # Where only one of them is known, the host's name tells.
  if [ -z "$1" ] || [ -z "$2" ]; then set -- "$(known host)" "$(node)"; fi
  if [ "$1" = "$2" ]; then echo here; else echo "$there"; fi
}
