# Holds the lists of the dumps (pg_restore -l) against the relations that were there and the plan. Pure.
#
#   awk -f check.awk relations plan lists
#
# relations, plan   as plan.awk reads and writes them
# lists             each begins with `#list FILE DATABASE`, `#counts` begins the rows of its tables, a number a line
# out               holds FILE SCHEMA RELATION KIND · rows FILE SCHEMA TABLE COUNT
#                   problem WORD DATABASE SCHEMA RELATION FILE    WORD: missing (in no dump) twice elsewhere (not in the dump of
#                   the plan) uncounted (the numbers of tables and of row counts differ; without SCHEMA and RELATION)
# -v standby=1: what is unlogged has no rows there.

# As pg_restore -l shows a name: a line break would end its line.
function shown(text) {
  gsub(/\\[nr]/, " ", text)
  gsub(/\\t/, "\t", text)
  gsub(/\\\\/, "\\", text)
  return text
}

BEGIN { FS = OFS = "\t" }

$1 == "relation" && !listing {
  key = $3 SUBSEP $2
  relations++
  keys[relations] = key
  database_of[key] = $3
  schema_of[key] = $4
  name_of[key] = $5
  kind_of[key] = $6
  if ($6 == "S") sequence[$3, shown($4) " " shown($5) " " shown($8)] = key
  if (($6 != "r" && $6 != "S") || $12 == "member" || (standby && $7 == "u")) next
  # Its configuration may be in no dump at all: an extension's condition decides, and its rows alone are dumped.
  expected[key] = $12 == "" ? 1 : 0
  next
}
$1 == "dump" && !listing { planned[$2] = 1; next }
$1 == "in" && !listing { file_of[$2 SUBSEP $7] = $3; next }

$1 == "#list" {
  compare_counts()
  listing = 1
  counting = 0
  tables = counts = 0
  path = $2
  database = $3
  file = path
  sub(/^.*\//, "", file)
  sub(/\.dump$/, "", file)
  next
}
$1 == "#counts" { counting = 1; next }
counting { count[++counts] = $0; next }

# 3389; 0 16391 TABLE DATA telemetry environment dbadmin
listing && match($0, /^[0-9]+; [0-9]+ [0-9]+ (TABLE DATA|SEQUENCE SET|MATERIALIZED VIEW DATA) /) {
  head = substr($0, 1, RLENGTH)
  rest = substr($0, RLENGTH + 1)
  split(head, word, " ")
  if (word[4] == "SEQUENCE") key = (database, rest) in sequence ? sequence[database, rest] : ""
  else key = database SUBSEP word[3]
  if (word[4] == "TABLE") table[++tables] = key
  if (!(key in name_of)) {
    print "problem", "unknown", database, "", rest, path
    next
  }
  print "holds", path, schema_of[key], name_of[key], kind_of[key]
  if (word[4] == "MATERIALIZED") next
  if (seen[key]++) print "problem", "twice", database, schema_of[key], name_of[key], path
  if ((database in planned) && (key in file_of) && file_of[key] != file)
    print "problem", "elsewhere", database, schema_of[key], name_of[key], path
}

function compare_counts(    i) {
  if (!listing) return
  if (tables != counts) print "problem", "uncounted", database, "", "", path
  else for (i = 1; i <= tables; i++) if (table[i] in name_of) {
    print "rows", path, schema_of[table[i]], name_of[table[i]], count[i]
  }
}

END {
  compare_counts()
  for (i = 1; i <= relations; i++) {
    key = keys[i]
    if (expected[key] && !(key in seen)) print "problem", "missing", database_of[key], schema_of[key], name_of[key], ""
  }
}
