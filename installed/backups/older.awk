# SQL of pg_restore as a server takes it that is older than its programs: without settings that it does not know. server: its version, as the settings
# write it (906, 1500). What COPY reads goes through as it is.
copying {
  if ($0 == "\\.") copying = 0
  print
  next
}
/^COPY .* FROM stdin;$/ { copying = 1 }
server < 1700 && /^SET transaction_timeout = / { next }
server < 1200 && /^SET default_table_access_method = / { next }
server < 906 && /^SET idle_in_transaction_session_timeout = / { next }
server < 905 && /^SET row_security = / { next }
server < 903 && /^SET lock_timeout = / { next }
server < 1500 && /^CREATE DATABASE / {
  sub(/ LOCALE_PROVIDER = libc/, "")
  if (server < 1300 && match($0, / LOCALE = '[^']*'/)) {
    locale = substr($0, RSTART + 10, RLENGTH - 10)
    $0 = substr($0, 1, RSTART - 1) " LC_COLLATE = " locale " LC_CTYPE = " locale substr($0, RSTART + RLENGTH)
  }
}
{ print }
