# The plan of a run: which relation is in which dump. Pure: two texts in, one out, all of tab-separated fields as COPY writes them.
#
#   awk -f fields.awk -f plan.awk rules relations
#
# rules      database|whole NAME · large NAME BYTES · table NAME PATTERN · group NAME GROUP PATTERN · schema NAME SCHEMA
# relations  relation OID DATABASE SCHEMA NAME KIND PERSISTENCE OWNER BYTES INDEX_BYTES OWNING_TABLE EXTENSION
#            KIND is pg_class.relkind; EXTENSION is empty, `member` (its script makes it) or `config` (its rows are dumped)
# out        dump DATABASE FILE KIND BYTES               KIND: frame data rest
#            in DATABASE FILE SCHEMA RELATION KIND OID
#            unnamed DATABASE SCHEMA TABLE               no rule names it: it is in the rest
#            empty DATABASE RULE NAME                    nothing is there for this rule
#
# A pattern is a name with * and ?; with a dot in it it is of SCHEMA.NAME, without one of a name in any schema.
# -v standby=1: what is unlogged has no rows there.

function escaped(text,    out, i, c) {
  if (text !~ /[\\\t\n\r\b\f\v]/) return text
  out = ""
  for (i = 1; i <= length(text); i++) {
    c = substr(text, i, 1)
    out = out (c in letter ? "\\" letter[c] : c)
  }
  return out
}

# A pattern as a regular expression. Text is bytes (LC_ALL=C): ? is one character of UTF-8.
function expression(pattern,    out, i, c) {
  out = "^"
  for (i = 1; i <= length(pattern); i++) {
    c = substr(pattern, i, 1)
    if (c == "*") out = out "(.|\n)*"
    else if (c == "?") out = out "[^\200-\277][\200-\277]*"
    else if (c == "\\" || c == "^") out = out "\\" c
    else if (c ~ /[A-Za-z0-9_]/ || c > "~") out = out c
    else out = out "[" c "]"
  }
  return out "$"
}

# A name as a file is called: what a file system or a shell would mind is %XX.
function file_name(text,    out, i, c) {
  out = ""
  for (i = 1; i <= length(text); i++) {
    c = substr(text, i, 1)
    if (c ~ /[A-Za-z0-9_]/ || (i > 1 && c ~ /[.-]/) || c > "~") out = out c
    else out = out sprintf("%%%02X", code[c])
  }
  return out
}

# The file of a dump; two that would have one name are told apart.
function file_of(database, what, name,    file, more) {
  if ((database, what, name) in files) return files[database, what, name]
  # Names may have 63 bytes each, and three times as many here; file systems take 255.
  file = substr(file_name(name), 1, 180)
  more = ""
  while ((database, file more) in taken) more = more == "" ? "~2" : "~" (substr(more, 2) + 1)
  file = file more
  taken[database, file] = 1
  files[database, what, name] = file
  return file
}

function fits(schema, name, pattern) {
  if (!(pattern in expressions)) expressions[pattern] = expression(pattern)
  return (index(pattern, ".") > 0 ? schema "." name : name) ~ expressions[pattern]
}

# A rule has something to go by, if an earlier one has it or not.
function note(database, schema, name,    i) {
  for (i = 1; i <= tables[database]; i++) if (fits(schema, name, table[database, i])) used[database, "table", table[database, i]] = 1
  for (i = 1; i <= groups[database]; i++) if (fits(schema, name, pattern[database, i])) used[database, "group", group[database, i]] = 1
  if ((database, schema) in schemas) used[database, "schema", schema] = 1
}

# What rules say of a table: sets what and which (of what the dump is made).
function judge(database, schema, name, bytes,    i, n) {
  what = "rest"
  which = ""
  note(database, schema, name)
  n = tables[database]
  for (i = 1; i <= n; i++) if (fits(schema, name, table[database, i])) {
    what = "table"
    which = schema "." name
    return
  }
  if ((database in large) && bytes >= large[database]) {
    what = "table"
    which = schema "." name
    return
  }
  judge_group(database, schema, name)
}

function judge_group(database, schema, name,    i, n) {
  n = groups[database]
  for (i = 1; i <= n; i++) if (fits(schema, name, pattern[database, i])) {
    what = "group"
    which = group[database, i]
    return
  }
  if ((database, schema) in schemas) {
    what = "schema"
    which = schema
  }
}

function put(i, database, file, kind) {
  if (!((database, file) in dumped)) {
    dumped[database, file] = 1
    dumps++
    dump[dumps] = file
    dump_database[dumps] = database
    dump_kind[dumps] = kind
  }
  size[database, file] += bytes_of[i]
  print "in", escaped(database), escaped(file), escaped(schema_of[i]), escaped(name_of[i]), kind_of[i], oid_of[i]
}

BEGIN {
  FS = OFS = "\t"
  for (c in control) letter[control[c]] = c
  letter["\\"] = "\\"
  for (i = 1; i < 128; i++) code[sprintf("%c", i)] = i
}

$1 == "large" || $1 == "table" || $1 == "group" || $1 == "schema" {
  of = unescaped($2)
  if (!(of in ruled)) {
    ruled[of] = 1
    databases++
    database_of[databases] = of
    # Names that the run itself gives.
    taken[of, "frame"] = taken[of, "rest"] = taken[of, "whole"] = 1
  }
}
$1 == "large" { large[of] = $3 + 0 }
$1 == "table" { table[of, ++tables[of]] = unescaped($3) }
$1 == "group" { group[of, ++groups[of]] = unescaped($3); pattern[of, groups[of]] = unescaped($4) }
$1 == "schema" { schemas[of, unescaped($3)] = 1; schema_name[of, ++schema_names[of]] = unescaped($3) }

$1 == "relation" {
  relations++
  oid_of[relations] = $2
  relation_database[relations] = unescaped($3)
  schema_of[relations] = unescaped($4)
  name_of[relations] = unescaped($5)
  kind_of[relations] = $6
  persistence_of[relations] = $7
  bytes_of[relations] = $9 + 0
  owner_of[relations] = $11
  extension_of[relations] = $12
}

END {
  for (i = 1; i <= relations; i++) {
    database = relation_database[i]
    if (!(database in ruled) || kind_of[i] != "r" || extension_of[i] == "member") continue
    if (standby && persistence_of[i] == "u") continue
    if (extension_of[i] == "config") what = "rest"
    else judge(database, schema_of[i], name_of[i], bytes_of[i])
    if (what == "rest") {
      file = "rest"
      if (extension_of[i] == "") print "unnamed", escaped(database), escaped(schema_of[i]), escaped(name_of[i])
    } else file = file_of(database, what, which)
    file_of_table[database, oid_of[i]] = file
    put(i, database, file, file == "rest" ? "rest" : "data")
  }
  # A sequence goes with the table that owns it; one that nobody owns is in a group, with its schema, or in the rest.
  for (i = 1; i <= relations; i++) {
    database = relation_database[i]
    if (!(database in ruled) || kind_of[i] != "S" || extension_of[i] == "member") continue
    if (standby && persistence_of[i] == "u") continue
    if ((database, owner_of[i]) in file_of_table) file = file_of_table[database, owner_of[i]]
    else {
      what = "rest"
      if (extension_of[i] != "config") judge_group(database, schema_of[i], name_of[i])
      file = what == "rest" ? "rest" : file_of(database, what, which)
    }
    put(i, database, file, file == "rest" ? "rest" : "data")
  }
  for (i = 1; i <= databases; i++) {
    database = database_of[i]
    print "dump", escaped(database), "frame", "frame", 0
    print "dump", escaped(database), "rest", "rest", size[database, "rest"] + 0
    for (n = 1; n <= tables[database]; n++) absent(database, "table", table[database, n])
    for (n = 1; n <= groups[database]; n++) absent(database, "group", group[database, n])
    for (n = 1; n <= schema_names[database]; n++) absent(database, "schema", schema_name[database, n])
  }
  for (i = 1; i <= dumps; i++) if (dump_kind[i] != "rest") {
    print "dump", escaped(dump_database[i]), escaped(dump[i]), "data", size[dump_database[i], dump[i]]
  }
}

function absent(database, rule, name) {
  if ((database, rule, name) in used) return
  used[database, rule, name] = 1
  print "empty", escaped(database), rule, escaped(name)
}
