# shellcheck shell=sh
# list.sh FOLDER: the runs of a folder, one a line: NAME, STATE, SIZE, END, VERIFIED_AT, separated by tabs. It needs nothing of
# ours beside it, because it also goes to another host: ssh HOST sh -s FOLDER <list.sh. Status 3: there is no such folder.
LC_ALL=C
export LC_ALL
unset CDPATH
cd -- "$1" 2>/dev/null || exit 3
tab=$(printf '\t')
for run in [0-9]*T[0-9]*Z [0-9]*T[0-9]*Z.partial [0-9]*T[0-9]*Z.damaged; do
  [ -d "$run" ] || continue
  case $run in
    *.partial) state=partial ;;
    *.damaged) state=damaged ;;
    *) state=whole ;;
  esac
  verified=-
  if [ "$state" = whole ] && [ -f "$run/verified" ]; then
    while IFS=$tab read -r word value _; do
      [ "$word" != time ] || verified=$value
    done <"$run/verified"
    case $verified in '' | *[!0-9]*) verified=- ;; *) state=verified ;; esac
  fi
  facts=''
  # A partial run has no manifest yet, or a part of one: what lies there is its size.
  [ "$state" = partial ] || [ ! -r "$run/manifest" ] ||
    facts=$(awk -F '\t' '$1 == "file" { size += $3 } $1 == "end" { end = $2 } END { if (end == "") exit 1; printf("%.0f\t%s", size, end) }' "$run/manifest")
  if [ -z "$facts" ]; then
    [ "$state" = partial ] || state=damaged verified=-
    blocks=$(du -sk -- "$run" 2>/dev/null | { read -r n _ && echo "$n"; })
    facts=$((${blocks:-0} * 1024))$tab-
  fi
  printf '%s\t%s\t%s\t%s\n' "${run%.*}" "$state" "$facts" "$verified"
done
