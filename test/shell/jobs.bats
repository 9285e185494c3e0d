#!/usr/bin/env bats
# What the programs of jobs share (installed/jobs), as a shell of the host's runs it: dash, and whatever $SHELLS names besides.

setup() {
  here=$BATS_TEST_TMPDIR/jobs
  mkdir -p "$here" "$BATS_TEST_TMPDIR/bin"
  cp "$BATS_TEST_DIRNAME"/../../installed/jobs/*.sh "$here"
  printf '#!/bin/sh\ncase $1 in --version) echo "psql (PostgreSQL) 15.20" ;; *) cat ;; esac\n' >"$BATS_TEST_TMPDIR/bin/psql"
  chmod 755 "$BATS_TEST_TMPDIR/bin/psql"
  cat >"$here/settings" <<END
site='sispi' server='server2' version='15' number='1500' user='postgres' data='$BATS_TEST_TMPDIR/db'
control='$BATS_TEST_TMPDIR/db.pgsite' bin='$BATS_TEST_TMPDIR/bin' clients='' port='5432' host_of_server='' role_of_jobs='postgres'
passfile_of_jobs='' mail_to='dba@example.org' mail_from='' sendmail='$BATS_TEST_TMPDIR/bin/sendmail'
END
}

# in_shell TEXT: run after common.sh and mail.sh.
in_shell() {
  printf '#!/bin/sh\nhere=%s\n. "$here/common.sh"\n. "$here/mail.sh"\n%s\n' "$here" "$1" >"$here/program"
  # shellcheck disable=SC2086
  run ${SHELL_OF_HOST:-dash} "$here/program"
}

@test "a literal is one, whatever is in it" {
  in_shell "literal \"it's\"; echo; literal 'a\\b'; echo; literal plain"
  [ "$output" = "E'it''s'
E'a\\\\b'
'plain'" ]
}

@test "an identifier and a database's name are no more than names" {
  in_shell "identifier 'a\"b'; echo; database \"x' host=evil\"; echo; database 'postgresql://evil/'"
  [ "$output" = "\"a\"\"b\"
dbname='x\\' host=evil'
dbname='postgresql://evil/'" ]
}

@test "a field of an event has neither a tab nor a line break" {
  in_shell "events=1; tab=\$(printf '\\t'); event word \"a\${tab}b\" 'c\\d' 'e
f'"
  [ "$output" = "$(printf 'word\ta\\tb\tc\\\\d\te\\nf')" ]
}

@test "sizes and times are as people read them" {
  in_shell 'size 512; size 2048; size 1395864371; span 59; span 130; span 7380; span 900000; utc 0; run_name 1795950120'
  [ "$output" = "512 bytes
2.0 kB
1.3 GB
59 s
2 min 10 s
2 h 3 min
10 days
1970-01-01T00:00:00Z
20261129T110200Z" ]
}

@test "what is missing is named, all of it" {
  in_shell 'need cat no-such-program nor-this-one'
  [ "$status" -eq 69 ]
  [ "$output" = "program: not found on this host: no-such-program nor-this-one" ]
}

@test "two at once are refused, and a program that was killed leaves its scratch folder to the next" {
  in_shell 'alone one || exit 1; (exec 9>&-; flock -n "$jobs/one.lock" true) && exit 2; kill -9 $$'
  [ "$status" -eq 137 ]
  [ -n "$(ls -d "$BATS_TEST_TMPDIR"/db.pgsite/jobs/.program.*)" ]
  in_shell 'alone one && echo free'
  [ "$output" = free ]
  [ -z "$(ls -d "$BATS_TEST_TMPDIR"/db.pgsite/jobs/.program.* 2>/dev/null)" ]
}

@test "mail waits until sendmail has taken it, in order, and its head is ASCII" {
  printf '#!/bin/sh\nexit 75\n' >"$BATS_TEST_TMPDIR/bin/sendmail"
  chmod 755 "$BATS_TEST_TMPDIR/bin/sendmail"
  in_shell 'echo one | mail_put "é: first" a.1; echo two | mail_put second a.2 a.1; mail_send || echo "left: $mail_why"'
  [ "${output#left: }" != "$output" ]
  printf '#!/bin/sh\ncat >>%s/mails\n' "$BATS_TEST_TMPDIR" >"$BATS_TEST_TMPDIR/bin/sendmail"
  chmod 755 "$BATS_TEST_TMPDIR/bin/sendmail"
  in_shell 'mail_send && echo sent'
  [ "$output" = sent ]
  grep ^Subject: "$BATS_TEST_TMPDIR/mails"
  [ "$(grep ^Subject: "$BATS_TEST_TMPDIR/mails")" = "Subject: =?UTF-8?B?$(printf '[sispi] é: first' | base64)?=
Subject: [sispi] second" ]
  grep -qx 'In-Reply-To: <a.1@server2.sispi>' "$BATS_TEST_TMPDIR/mails"
  [ "$(stat -c %a "$BATS_TEST_TMPDIR/db.pgsite/jobs/outbox")" = 700 ]
}
