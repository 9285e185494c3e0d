# How a standby's stream from its primary ended, by its log: `KIND<tab>LINE`, the kind one of open, broken, finished, early,
# unknown, the line what says so. POSIX awk, in the C locale; reads the log, the older part first; MESSAGES in the environment is
# the table of messages. Only what the server's own processes wrote counts: HEAD_stderr, HEAD_csv and HEAD_json in the environment match how a
# message of its walreceiver begins in the log, up to its severity, and nothing that a client can write (postgres/voice.ts).
# WANT is what to look for: stream; apart: why the server can never follow that one; position: where its WAL ends. recovers: whether
# this, which is no log but what a server answered, is how one in recovery turns walsenders away.

BEGIN {
  head["stderr"] = ENVIRON["HEAD_stderr"]; head["csv"] = ENVIRON["HEAD_csv"]; head["json"] = ENVIRON["HEAD_json"]
  want = ENVIRON["WANT"]
  lines = split(ENVIRON["MESSAGES"], line_of, "\n")
  for (number = 1; number <= lines; number++) {
    if (line_of[number] ~ /^#/ || split(line_of[number], field, "\t") != 3) continue
    kinds[++rows] = field[1]
    texts[rows] = folded(field[3], 10)
  }
}

# Letters beyond ASCII are written in the encoding of the process' locale, or as question marks: where enough of a text is left,
# they stand for anything.
function folded(text, enough,    plain, left) {
  plain = text
  gsub(/[\200-\377?]+/, "%", plain)
  left = plain
  gsub(/[% ]/, "", left)
  return length(left) < enough ? text : plain
}

{ sub(/\r$/, "") }
want == "recovers" { if (nested($0)) { sub(/^.*:  /, ""); if (starts("recovers", $0)) line = $0 }; next }
begins("stderr") { open_as = "stderr"; next_severity("[^:0-9]+:  ", 3); next }
# What a client writes has two quotes here, never one alone.
begins("csv") && rest !~ /^[^,"]+,[0-9A-Z]+,""/ { open_as = "csv"; next_severity("[^,\"]+,[0-9A-Z]+,\"", 0); next }
begins("json") { open_as = "json"; next_severity("\"error_severity\":\"[^\"]*\",(\"state_code\":\"[0-9A-Z]*\",)?\"message\":\"", 0); next }
# The rest of a message that has line breaks: a tab is put before each, or the quotes are not closed yet.
open_as == "stderr" && /^\t/ { said = said "\n" substr($0, 2); next }
open_as == "csv" && !closed(said) { said = said "\n" $0; next }
{ flush() }
END {
  flush()
  if (want != "stream") { if (line != "") print want "\t" line; exit }
  if (how == "" || how == "unclear") print "unknown\t" line
  else print how "\t" line
}

# Whether a message of the server's own begins in this line; what is behind its head is in `rest`.
function begins(format) {
  if (head[format] == "" || !match($0, head[format]) || RSTART != 1) return 0
  rest = substr($0, RLENGTH + 1)
  flush()
  return 1
}

# Takes the severity, and what is said, off the rest.
function next_severity(pattern, tail,    taken) {
  if (!match(rest, "^" pattern)) { open_as = ""; return }
  taken = substr(rest, 1, RLENGTH)
  said = substr(rest, RLENGTH + 1)
  severity = taken
  if (tail) severity = substr(taken, 1, length(taken) - tail)
  else if (open_as == "csv") sub(/,.*/, "", severity)
  else { sub(/^"error_severity":"/, "", severity); sub(/".*/, "", severity) }
}

# Whether a quoted text of CSV has its end: quotes inside are doubled.
function closed(text) { return gsub(/"/, "\"", text) % 2 == 1 }

# Judges the message that is whole now.
function flush(    kind, why) {
  if (open_as == "") return
  if (open_as == "csv") { gsub(/""/, "\001", said); sub(/".*/, "", said); gsub(/\001/, "\"", said) }
  if (open_as == "json") {
    gsub(/\\\\/, "\001", said); gsub(/\\"/, "\002", said); sub(/".*/, "", said)
    gsub(/\\[nrt]/, "\n", said); gsub(/\002/, "\"", said); gsub(/\001/, "\\", said)
  }
  open_as = ""
  if (want == "position") { position_in(said); return }
  kind = kind_of(said)
  if (want == "apart") { if (kind == "apart" || kind == "behind") told(); return }
  if (kind == "began") { how = "open"; told() }
  else if (kind == "finished") ended("finished")
  else if (kind == "own") ended("early")
  else if (kind == "broke") {
    if (!nested(why = behind) || is("ends", severity_in(why))) ended("broken")
    else early()
  }
  else if (kind == "answered" || kind == "behind") early()
  else if (kind == "connect" || kind == "") {
    why = kind == "" ? said : behind
    if (is("quiet", severity) || kind == "" && nested(why) && passes(why)) return
    if (nested(why)) { if (!passes(why)) { if (kind == "connect") early(); else unclear() } }
    else if (!has("silent", why) && why !~ /SSL SYSCALL/) {
      if (kind == "connect" && why ~ /certificate|fe_sendauth|SCRAM|[^a-z]SSL[^a-z]/) early(); else unclear()
    }
  }
}

# Where the startup process found no more of the WAL: a position, or a page as SEGMENT:OFFSET; until 9.2 a segment has two numbers.
function position_in(text,    words) {
  if (match(text, /LSN [0-9A-F]+\/[0-9A-F]+, offset/)) line = substr(text, RSTART + 4, RLENGTH - 12)
  else if (match(text, /log file [0-9]+, segment [0-9]+, offset [0-9]+/)) {
    split(substr(text, RSTART, RLENGTH), words, /[ ,]+/)
    line = words[3] ":" words[5] ":" words[7]
  } else if (match(text, /segment [0-9A-F]+, offset [0-9]+/)) {
    split(substr(text, RSTART, RLENGTH), words, /[ ,]+/)
    line = words[2] ":" words[4]
  } else if (text ~ /record|resource manager/ && match(text, / at [0-9A-F]+\/[0-9A-F]+/)) line = substr(text, RSTART + 4, RLENGTH - 4)
}

function told() {
  line = severity ": " said
  sub(/\n.*/, "", line); gsub(/[\001-\037\177]+/, " ", line); gsub(/  +/, " ", line); sub(/ +$/, "", line)
  line = substr(line, 1, 400)
}
# The first end of a stream counts; that the primary lived on counts whenever it is said.
function ended(as) { if (how == "open" || how == "") { how = as; told() } }
function early() { if (how != "early") { how = "early"; told() } }
function unclear() { if (how != "early" && how != "unclear") { how = "unclear"; told() } }

# The kind of a message that begins with a row's text; what stands behind that text is in `behind`.
function kind_of(text,    row) {
  for (row = 1; row <= rows; row++) {
    if (kinds[row] ~ /^(silent|passing|ends|quiet|recovers)$/) continue
    if (opens(text, texts[row])) return kinds[row]
  }
  behind = ""
  return ""
}

# A server's own words, passed on by libpq: SEVERITY, a colon, two spaces.
function nested(text) { return index(text, ":  ") > 0 }
function severity_in(text) { sub(/:  .*/, "", text); sub(/.*[ \n]/, "", text); return text }

# Whether all of these answers are of a server that goes down or comes up, whatever details follow.
function passes(text,    at, severity_before) {
  while ((at = index(text, ":  ")) > 0) {
    severity_before = severity_in(text)
    text = substr(text, at + 3)
    if (!is("quiet", severity_before) && !starts("passing", text)) return 0
  }
  return 1
}

function is(kind, word,    row) {
  word = folded(word, 2)
  for (row = 1; row <= rows; row++) if (kinds[row] == kind && folded(texts[row], 2) == word) return 1
  return 0
}
function starts(kind, text,    row) {
  for (row = 1; row <= rows; row++) if (kinds[row] == kind && opens(text, texts[row])) return 1
  return 0
}
function has(kind, text,    row) {
  for (row = 1; row <= rows; row++) if (kinds[row] == kind && holds(text, texts[row])) return 1
  return 0
}
function opens(text, pattern,    parts) {
  split(pattern, parts, "%")
  return index(text, parts[1]) == 1 && holds(text, pattern)
}
function holds(text, pattern,    parts, count, part, at) {
  count = split(pattern, parts, "%")
  for (part = 1; part <= count; part++) {
    if (parts[part] == "") continue
    if (!(at = index(text, parts[part]))) return 0
    text = substr(text, at + length(parts[part]))
  }
  behind = text
  return 1
}
