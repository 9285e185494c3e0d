import { expanded } from "../../preflight/way.js";

/** Programs that a line is about PostgreSQL by, for grep and for us. */
export const jobPrograms =
  "pg_(dump|dumpall|restore|basebackup|ctl|ctlcluster|isready|backupcluster|archivecleanup|receivewal|receivexlog|rman|start_backup|backup_start|lsclusters)|psql|vacuumdb|reindexdb|clusterdb|pgbackrest|barman|wal-[eg]|repmgr|check_(postgres|pgactivity)";

/**
 * What runs on a host at given times, in one trip, as far as its user may see it: a POSIX script that changes nothing. It prints
 * lines of fields that tabs separate, `end` last:
 *
 *     line KIND FILE NUMBER THROUGH TEXT   a line that is no comment; THROUGH: a script that it runs and that is about PostgreSQL, or -
 *     timer NAME FILE THROUGH TEXT         what the service of a timer runs
 *     alias TEXT                           a line of /etc/aliases
 *     unread FILE WHY
 *
 * Arguments: what a script is about PostgreSQL by, beside `jobPrograms`: paths.
 */
export const otherJobsScript = String.raw`
export LC_ALL=C
programs='(^|[^A-Za-z0-9_])(${jobPrograms})([^A-Za-z0-9_]|$)'
paths=$(printf '%s\n' "$@")

# Whether a file is a script about PostgreSQL.
is_about() {
  [ -f "$1" ] && [ -r "$1" ] && [ "$(wc -c <"$1")" -lt 262144 ] || return 1
  # What has no letters but NULs in it is no script.
  [ "$(head -c 512 -- "$1" | tr -d '\000' | wc -c)" -eq "$(head -c 512 -- "$1" | wc -c)" ] || return 1
  grep -q -E -e "$programs" -- "$1" || { [ -n "$paths" ] && grep -q -F -e "$paths" -- "$1"; }
}

# through TEXT: the first script that it runs and that is about PostgreSQL, or -.
through() {
  printf '%s\n' "$1" | tr -s ' \t;|&<>()"'"'"'=' '\n' | {
    folder=$HOME before=
    while IFS= read -r word; do
      # As somebody else's shell takes it.
      # shellcheck disable=SC2016,SC2088
      case $word in
        /*) ;;
        '~/'* | '$HOME/'*) word=$HOME/${expanded("word#*/")} ;;
        */*) word=$folder/${expanded("word#./")} ;;
      esac
      [ "$before" != cd ] || folder=$word
      before=$word
      { [ -x "$word" ] || case $word in *.sh | *.py | *.pl | *.rb) true ;; *) false ;; esac; } || continue
      case $word in
        /*) ;;
        *) continue ;;
      esac
      if is_about "$word"; then
        printf '%s' "$word"
        exit
      fi
    done
    printf -- -
  }
}

# lines KIND FILE: of what comes in.
lines() {
  awk '!/^[ \t]*(#|$)/ { print NR "\t" $0 }' | while IFS= read -r numbered; do
    text=$(printf '%s' "$numbered" | cut -f 2-)
    by=$(through "$text")
    printf 'line\t%s\t%s\t%s\t%s\t%s\n' "$1" "$2" "$(printf '%s' "$numbered" | cut -f 1)" "$by" "$text"
    # Whom such a script mails to.
    [ "$by" = - ] || grep -n -w -E -e 'mail|mailx|sendmail|mutt' -- "$by" | head -n 20 |
      while IFS= read -r text; do printf 'line\tmails\t%s\t0\t-\t%s\n' "$by" "$(printf '%s' "$text" | cut -d : -f 2-)"; done
  done
}

if command -v crontab >/dev/null 2>&1; then
  if table=$(crontab -l 2>&1); then
    printf '%s\n' "$table" | lines crontab "the crontab of $(id -un)"
  else
    case $table in
      *'no crontab'* | *"can't open"* | *'not allowed'* | *'not authorized'*) ;;
      *) printf 'unread\tthe crontab of %s\t%s\n' "$(id -un)" "$(printf '%s' "$table" | tr '\n\t' '  ')" ;;
    esac
  fi
fi
for file in /etc/crontab /etc/cron.d/*; do
  [ -f "$file" ] || continue
  if [ -r "$file" ]; then lines cron "$file" <"$file"; else printf 'unread\t%s\tit is closed to %s\n' "$file" "$(id -un)"; fi
done
for file in /etc/cron.hourly/* /etc/cron.daily/* /etc/cron.weekly/* /etc/cron.monthly/*; do
  [ -f "$file" ] && [ -x "$file" ] || continue
  if [ ! -r "$file" ]; then
    printf 'unread\t%s\tit is closed to %s\n' "$file" "$(id -un)"
  elif is_about "$file"; then
    lines script "$file" <"$file"
  fi
done

# unit NAME: the file of a unit, a template's for an instance of it.
unit() {
  case $1 in
    *@*) template=$(printf '%s' "$1" | sed 's/@.*\(\.[a-z]*\)$/@\1/') ;;
    *) template=$1 ;;
  esac
  for name in "$1" "$template"; do
    for folder in /etc/systemd/system /run/systemd/system /usr/local/lib/systemd/system /usr/lib/systemd/system /lib/systemd/system; do
      [ -f "$folder/$name" ] || continue
      printf '%s' "$folder/$name"
      return
    done
  done
  return 1
}
# Those that are enabled, and those that run.
{
  for link in /etc/systemd/system/*.wants/*.timer /run/systemd/system/*.wants/*.timer /usr/lib/systemd/system/*.wants/*.timer; do
    [ ! -h "$link" ] || printf '%s\n' "${expanded("link##*/")}"
  done
  [ ! -d /run/systemd/system ] || systemctl list-units --type=timer --all --plain --no-legend 2>/dev/null | awk '{ print $1 }'
} | sort -u | while IFS= read -r timer; do
  file=$(unit "$timer") || continue
  service=$(sed -n 's/^[[:space:]]*Unit[[:space:]]*=[[:space:]]*//p' "$file" | tail -n 1)
  file=$(unit "${expanded(`service:-${expanded("timer%.timer")}.service`)}") || continue
  if [ ! -r "$file" ]; then
    printf 'unread\t%s\tit is closed to %s\n' "$file" "$(id -un)"
    continue
  fi
  # What a line ends with \ goes on in the next.
  awk '{ line = line $0 } /\\$/ { sub(/\\$/, " ", line); next } { if (line ~ /^[ \t]*Exec/) print line; line = "" }' "$file" |
    while IFS= read -r text; do printf 'timer\t%s\t%s\t%s\t%s\n' "$timer" "$file" "$(through "$text")" "$text"; done
done

if [ -f /etc/aliases ]; then
  if [ -r /etc/aliases ]; then awk '!/^[ \t]*(#|$)/ { print "alias\t" $0 }' /etc/aliases; else printf 'unread\t/etc/aliases\tit is closed to %s\n' "$(id -un)"; fi
fi
echo end
`;
