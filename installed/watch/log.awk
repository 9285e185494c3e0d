# Counts errors of a part of a server's log by their severity: awk -f log.awk format=stderr|csv|json FILE. A message in several
# lines goes on behind a tab, so that nobody's text begins one.

BEGIN {
  n = split("DEBUG DEBUG1 DEBUG2 DEBUG3 DEBUG4 DEBUG5 INFO NOTICE WARNING ERROR LOG FATAL PANIC DETAIL HINT QUERY CONTEXT LOCATION STATEMENT BACKTRACE", known, " ")
  for (i = 1; i <= n; i++) is_known[known[i]] = 1
}

format == "csv" {
  # A record begins with its time; the severity is its twelfth field.
  if ($0 !~ /^[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9] [0-9:.]+ [^ ,]+,/) next
  rest = $0
  for (i = 1; i < 12; i++) {
    if (substr(rest, 1, 1) == "\"") {
      rest = substr(rest, 2)
      while ((at = index(rest, "\"")) > 0 && substr(rest, at + 1, 1) == "\"") rest = substr(rest, at + 2)
      rest = at > 0 ? substr(rest, at + 1) : ""
    }
    at = index(rest, ",")
    rest = at > 0 ? substr(rest, at + 1) : ""
  }
  at = index(rest, ",")
  tell(at > 0 ? substr(rest, 1, at - 1) : "")
  next
}

format == "json" {
  at = index($0, "\"error_severity\":\"")
  if (at == 0) next
  rest = substr($0, at + 18)
  tell(substr(rest, 1, index(rest, "\"") - 1))
  next
}

/^\t/ { next }
{
  at = index($0, ":  ")
  if (at == 0) next
  word = substr($0, 1, at - 1)
  if (match(word, /[^ \t\]:,;>|)]+$/)) tell(substr(word, RSTART))
}

function tell(word) {
  if (word == "") return
  if (word in is_known) { count[word]++; if (word == "PANIC") last = $0 }
  else foreign++
}

END {
  printf "log.PANIC\t\t%d\nlog.FATAL\t\t%d\nlog.ERROR\t\t%d\n", count["PANIC"], count["FATAL"], count["ERROR"]
  if (last != "") {
    gsub(/[\001-\037\177]/, " ", last)
    printf "detail.logPanic\t\t%s\n", substr(last, 1, 300)
  }
  # Where its words are of another language, that none was found says nothing.
  if (foreign > 0) printf "unseen\tlog\t1\ndetail.unseen\tlog\tits severities are in another language (lc_messages)\n"
  else print "looked\tlog\t1"
}
