# Read after fields.awk. What each dump of the queue is called with: the files `dump.1`, `dump.2` … of the folder in the environment's `into`, each of
# which sets, as shell reads it, database, file, kind, path and the arguments by which pg_dump takes what the plan says.
#
#   into=FOLDER awk -v dumper=1500 -f fields.awk -f arguments.awk plan queue
#
# dumper   the version of pg_dump: it knows sections from 902 on; before, a frame is a schema without data
# One word of a shell.
function word(text,    out, i, n, piece) {
  n = split(text, piece, "'")
  out = piece[1]
  for (i = 2; i <= n; i++) out = out "'\\''" piece[i]
  return "'" out "'"
}

# A pattern of pg_dump that is this one name.
function exactly(schema, name) {
  gsub(/"/, "\"\"", schema)
  gsub(/"/, "\"\"", name)
  return word("\"" schema "\".\"" name "\"")
}

BEGIN {
  FS = "\t"
  into = ENVIRON["into"]
  data = dumper >= 902 ? "--section=data" : "-a"
  frame = dumper >= 902 ? "--section=pre-data --section=post-data" : "-s"
}

$1 == "in" {
  key = $2 SUBSEP $3
  names[key] = names[key] " -t " exactly(unescaped($4), unescaped($5))
  if ($3 != "rest") others[$2] = others[$2] " -T " exactly(unescaped($4), unescaped($5))
  next
}
# The queue's lines begin with a number.
$1 ~ /^[0-9]/ {
  file = into "/dump." ++dumps
  print "database=" word(unescaped($3)) " named=" word($3) " file=" word($4) " kind=" $5 " path=" word($6) >file
  if ($5 == "frame") print "set -- " frame >file
  else if ($5 == "rest") print "set -- " data " -b" others[$3] >file
  else if ($5 == "data") print "set -- " data names[$3, $4] >file
  else print "set --" >file
  close(file)
}
