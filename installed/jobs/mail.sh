# shellcheck shell=sh
# Mail by the host's sendmail interface; read after common.sh. What sendmail has not taken stays in the outbox.
# shellcheck disable=SC2034,SC2154
outbox=$jobs/outbox

find_sendmail() {
  for one in "$sendmail" /usr/sbin/sendmail /usr/lib/sendmail; do
    [ -z "$one" ] || [ ! -x "$one" ] || {
      echo "$one"
      return
    }
  done
  command -v sendmail
}

# header TEXT: in one line, encoded if it is not ASCII (RFC 2047).
header() {
  line=$(printf '%s' "$1" | tr '\r\n\t' '   ')
  case $line in
    *[!\ -~]*) printf '=?UTF-8?B?%s?=' "$(printf '%s' "$line" | base64 | tr -d '\n')" ;;
    *) printf '%s' "$line" ;;
  esac
}

# message_id ID
message_id() { printf '<%s@%s.%s>' "$(printf '%s' "$1" | tr -c 'A-Za-z0-9.\n-' '-')" "$server" "$site"; }

# mail_put SUBJECT ID [REFERENCE] <BODY: a mail for the outbox; with a reference it is of that mail's thread.
mail_put() {
  if [ -z "$mail_to" ]; then
    cat >/dev/null
    return 0
  fi
  mkdir -p -- "$outbox" || return 1
  # At the end of a pipe this is a shell of its own, which has counted none of those before.
  mails=0
  name=''
  while [ -z "$name" ] || [ -e "$outbox/$name" ]; do
    mails=$((mails + 1))
    name=$(date -u +%s).$$.$(printf %04d "$mails")
  done
  {
    [ -z "$mail_from" ] || printf 'From: %s\n' "$mail_from"
    printf 'To: %s\n' "$mail_to"
    printf 'Subject: %s\n' "$(header "[$site] $1")"
    printf 'Date: %s\n' "$(date -u '+%a, %d %b %Y %H:%M:%S +0000')"
    printf 'Message-ID: %s\n' "$(message_id "$2")"
    if [ -n "${3:-}" ]; then
      printf 'In-Reply-To: %s\nReferences: %s\n' "$(message_id "$3")" "$(message_id "$3")"
    fi
    printf 'Auto-Submitted: auto-generated\nX-Pgsite-Site: %s\nX-Pgsite-Server: %s\n' "$site" "$server"
    printf 'MIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: 8bit\n\n'
    cat
  } >"$outbox/.$name" && mv -f -- "$outbox/.$name" "$outbox/$name"
}

# mail_send: gives sendmail what lies in the outbox, the oldest first. Status 1: some is left, and $mail_why says why.
mail_send() {
  mail_why=''
  [ -d "$outbox" ] || return 0
  sender=$(find_sendmail) || sender=''
  (
    flock -n 8 || exit 0
    for one in "$outbox"/[0-9]*; do
      [ -f "$one" ] || continue
      if [ -z "$sender" ]; then
        echo 'there is no sendmail program on this host' >"$scratch/mail"
        exit 1
      fi
      # shellcheck disable=SC2086
      timeout 60 "$sender" -t -oi ${mail_from:+-f "$mail_from"} <"$one" >"$scratch/mail" 2>&1 8>&- 9>&- || {
        status=$?
        echo "$sender ended with status $status: $(head -c 300 "$scratch/mail" | tr '\n' ' ')" >"$scratch/mail"
        exit 1
      }
      rm -f -- "$one"
    done
  ) 8>"$jobs/outbox.lock" && return 0
  mail_why=$(cat "$scratch/mail")
  return 1
}
