# Of an archive's list (pg_restore -l -v): the lines of what is wanted, for pg_restore -L. The first file says what is wanted.
# what=schema: all of the schema `schema` (environment), itself too, and others' foreign keys that point into it, which went with it.
# what=definitions: all but rows, what sets sequences, refreshes, and foreign keys: rows that they ask for may not be there.
# The first file has a table a line, SCHEMA, TABLE and whether it is wanted (1, 0), separated by tabs, as the manifest writes names:
# what=names: these tables, and partitions and children of theirs, as the archive's lists call them, each with SCHEMA and TABLE;
# what=owned: their sequences, as the lists call them.
# what=keys (by=schema, by=tables): of each foreign key of what is wanted the tables that are not: ID, SCHEMA, TABLE. What is in the file `without`
# (an ID a line) is left out of all.
# what=tables: these tables with sequences, defaults, constraints, indexes, triggers, rules, policies, grants and comments.
# The first file has such a name a line, of names or owned: what=data: their rows; what=sets: what sets these sequences.
BEGIN {
  FS = "\t"
  n = split("MATERIALIZED VIEW DATA|TEXT SEARCH CONFIGURATION|TEXT SEARCH DICTIONARY|TEXT SEARCH TEMPLATE|TEXT SEARCH PARSER|FOREIGN DATA WRAPPER|PROCEDURAL LANGUAGE|SEQUENCE OWNED BY|STATISTICS DATA|PUBLICATION TABLES IN SCHEMA|PUBLICATION TABLE|DATABASE PROPERTIES|MATERIALIZED VIEW|CHECK CONSTRAINT|OPERATOR FAMILY|OPERATOR CLASS|SUBSCRIPTION TABLE|ACCESS METHOD|EVENT TRIGGER|FK CONSTRAINT|FOREIGN SERVER|FOREIGN TABLE|SECURITY LABEL|SEQUENCE SET|TABLE ATTACH|INDEX ATTACH|USER MAPPING|DEFAULT ACL|ROW SECURITY|TABLE DATA|SHELL TYPE|BLOB METADATA|BLOB COMMENTS|LARGE OBJECT|AGGREGATE|COLLATION|CONSTRAINT|CONVERSION|EXTENSION|PROCEDURE|PUBLICATION|STATISTICS|SUBSCRIPTION|TRANSFORM|DATABASE|FUNCTION|OPERATOR|SEQUENCE|COMMENT|DEFAULT|TRIGGER|DOMAIN|POLICY|SCHEMA|SERVER|BLOBS|INDEX|TABLE|BLOB|CAST|RULE|TYPE|VIEW|ACL", kinds, "|")
  schema = ENVIRON["schema"]
}

# plain FIELD: a name as a list has it, which writes a line break as a space.
function plain(text,   parts, n, i) {
  gsub(/\\\\/, "\001", text)
  gsub(/\\n/, " ", text)
  gsub(/\\t/, "\t", text)
  n = split(text, parts, "\001")
  text = parts[1]
  for (i = 2; i <= n; i++) text = text "\\" parts[i]
  return text
}

FILENAME == ARGV[1] {
  if (what == "data" || what == "sets") exactly[$1] = 1
  else if (NF > 1) {
    known[plain($1) " " plain($2) " "] = $3
    pair[plain($1) " " plain($2) " "] = $1 "\t" $2
  }
  next
}
/^;[ \t]+depends on:/ {
  if (id != "") deps[id] = substr($0, index($0, ":") + 1) " "
  next
}
/^[0-9]+; / {
  entries++
  line[entries] = $0
  id = substr($0, 1, index($0, ";") - 1)
  ids[entries] = id
  rest = $0
  sub(/^[0-9]+; [0-9]+ [0-9]+ /, "", rest)
  for (i = 1; i <= n; i++) if (substr(rest, 1, length(kinds[i]) + 1) == kinds[i] " ") break
  kind[id] = i > n ? "" : kinds[i]
  name[id] = i > n ? rest : substr(rest, length(kinds[i]) + 2)
}
END {
  while (without != "" && (getline skipped <without) > 0) left_out[skipped] = 1
  if (what == "schema" || what == "keys" && by == "schema") {
    for (e = 1; e <= entries; e++) if (kind[ids[e]] == "TABLE" && begins(name[ids[e]], schema " ")) mine[ids[e]] = start(ids[e])
  }
  if (what == "definitions" || what == "schema" || what == "data" || what == "sets") {
    for (e = 1; e <= entries; e++) {
      if (ids[e] in left_out) continue
      if (simple(kind[ids[e]], name[ids[e]]) || what == "schema" && kind[ids[e]] == "FK CONSTRAINT" && needs(ids[e], mine)) print line[e]
    }
    exit
  }
  for (e = 1; e <= entries; e++) if (kind[ids[e]] == "TABLE" && by != "schema") {
    # Of two names that both fit, one having a space, the longer one is meant.
    best = ""
    for (w in known) if (begins(name[ids[e]], w) && length(w) > length(best)) best = w
    if (best != "") called[ids[e]] = best
    if (best != "" && known[best]) mine[ids[e]] = best
  }
  do {
    more = 0
    for (e = 1; e <= entries; e++) {
      id = ids[e]
      if (kind[id] == "TABLE" && !(id in mine) && needs(id, mine)) { mine[id] = start(id); more = 1 }
      if (kind[id] != "TABLE ATTACH" || !needs(id, mine)) continue
      m = split(deps[id], d, " ")
      for (j = 1; j <= m; j++) if (kind[d[j]] == "TABLE" && !(d[j] in mine) && name[d[j]] == name[id]) { mine[d[j]] = start(d[j]); more = 1 }
    }
  } while (more)
  if (what == "keys") {
    for (e = 1; e <= entries; e++) {
      id = ids[e]
      if (kind[id] != "FK CONSTRAINT" || !needs(id, mine)) continue
      m = split(deps[id], d, " ")
      for (j = 1; j <= m; j++) if (kind[d[j]] == "TABLE" && !(d[j] in mine)) print id "\t" (start(d[j]) in pair ? pair[start(d[j])] : parted(start(d[j])))
    }
    exit
  }
  # A sequence of an identity depends on its table; of any other, what says whose it is depends on both.
  for (e = 1; e <= entries; e++) {
    id = ids[e]
    if (kind[id] == "SEQUENCE" && needs(id, mine)) owned[id] = 1
    if (kind[id] != "SEQUENCE OWNED BY" || !needs(id, mine)) continue
    m = split(deps[id], d, " ")
    for (j = 1; j <= m; j++) if (kind[d[j]] == "SEQUENCE") owned[d[j]] = 1
  }
  if (what == "names" || what == "owned") {
    for (e = 1; e <= entries; e++) {
      if (what == "owned" && ids[e] in owned) print untabbed(name[ids[e]])
      if (what == "names" && ids[e] in mine) print untabbed(name[ids[e]]) "\t" (mine[ids[e]] in pair ? pair[mine[ids[e]]] : parted(mine[ids[e]]))
    }
    exit
  }
  for (e = 1; e <= entries; e++) {
    id = ids[e]
    k = kind[id]
    if (id in mine || id in owned) chosen[id] = 1
    else if (k ~ /^(SEQUENCE OWNED BY|DEFAULT|CHECK CONSTRAINT|CONSTRAINT|FK CONSTRAINT|INDEX|ROW SECURITY|STATISTICS|TABLE ATTACH)$/ && (needs(id, mine) || needs(id, owned))) chosen[id] = 1
    # Of a view or another table these may look at ours.
    else if (k ~ /^(TRIGGER|RULE|POLICY)$/ && needs(id, mine) && of_mine(name[id])) chosen[id] = 1
  }
  for (e = 1; e <= entries; e++) {
    id = ids[e]
    if (kind[id] ~ /^(ACL|COMMENT|SECURITY LABEL|INDEX ATTACH)$/ && needs(id, chosen)) chosen[id] = 1
    if (id in chosen && !(id in left_out)) print line[e]
  }
}

function simple(k, t) {
  if (what == "data") return k == "TABLE DATA" && untabbed(t) in exactly
  if (what == "sets") return k == "SEQUENCE SET" && untabbed(t) in exactly
  if (what == "definitions" && k ~ /^(ACL|COMMENT|SECURITY LABEL)$/) return !begins(t, "- LARGE OBJECT")
  if (what == "definitions") return k !~ /^(TABLE DATA|SEQUENCE SET|MATERIALIZED VIEW DATA|FK CONSTRAINT|BLOBS?|BLOB METADATA|STATISTICS DATA)$/
  if (begins(t, schema " ")) return k != "EXTENSION"
  if (k == "SCHEMA") return begins(t, "- " schema " ")
  return k ~ /^(ACL|COMMENT|SECURITY LABEL)$/ && begins(t, "- SCHEMA " schema " ")
}

# untabbed NAME: as a field of a line.
function untabbed(text) { gsub(/\t/, "\001", text); return text }
function begins(text, with) { return substr(text, 1, length(with)) == with }
# start ID: `SCHEMA TABLE ` of `SCHEMA TABLE OWNER`; what holds no rows is not known: of its name, if it has spaces, the first part.
function start(id,   parts) {
  if (id in called) return called[id]
  split(name[id], parts, " ")
  return parts[1] " " parts[2] " "
}
function parted(text,   parts) { split(text, parts, " "); return parts[1] "\t" parts[2] }
function needs(id, of,   d, m, j) {
  m = split(deps[id], d, " ")
  for (j = 1; j <= m; j++) if (d[j] in of) return 1
  return 0
}
function of_mine(text,   id) {
  for (id in mine) if (begins(text, mine[id])) return 1
  return 0
}
