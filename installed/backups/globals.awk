# Read after literals.awk. Statements of pg_dumpall -g, as a server takes them on which some are there already. Files: names of the roles that are there
# (first=roles), of the tablespaces (first=tablespaces), and the globals. Those are left as they are, unless replace=1.
# mode=now: what comes before the databases; mode=late: settings of a role in a database (until 10 they are here); mode=roles,
# mode=tablespaces: names that the globals make; mode=folders: folders of tablespaces. moved: where all tablespaces go instead.
FNR == 1 { file++ }
file == 1 && first == "lists" { kind = substr($0, 1, 1); there[kind, substr($0, 3)] = 1; next }
{
  statement = started ? statement "\n" $0 : $0
  started = 1
  if (inside = left_open($0, inside)) next
  if (statement ~ /^(--.*)?$/ || statement ~ /^\\/) { started = 0; next }
  if (statement !~ /;$/) next
  started = 0
  take(statement)
}

# name_at TEXT: the identifier that a text begins with, without its quotes; `after` is what follows it.
function name_at(text,   i, name) {
  if (substr(text, 1, 1) != "\"") {
    i = match(text, /[ ;]/)
    after = substr(text, i)
    return substr(text, 1, i - 1)
  }
  name = ""
  for (i = 2; i <= length(text); i++) {
    if (substr(text, i, 1) == "\"") {
      if (substr(text, i + 1, 1) != "\"") break
      i++
    }
    name = name substr(text, i, 1)
  }
  after = substr(text, i + 1)
  return name
}

function say_name(name) { gsub(/\n/, " ", name); print name }

function take(s,   name, i, location) {
  if (s ~ /^CREATE ROLE /) {
    name = name_at(substr(s, 13))
    if (mode == "roles") say_name(name)
    else if (mode == "now" && !(("r", name) in there)) print s
    return
  }
  if (s ~ /^(ALTER|COMMENT ON) ROLE /) {
    name = name_at(substr(s, index(s, " ROLE ") + 6))
    late = after ~ /^ IN DATABASE /
    if (late ? mode != "late" : mode != "now") return
    if (late || replace || !(("r", name) in there)) print s
    return
  }
  if (s ~ /^CREATE TABLESPACE /) {
    name = name_at(substr(s, 19))
    if (mode == "tablespaces") say_name(name)
    i = index(s, " LOCATION ")
    location = substr(s, i + 11, length(s) - i - 12)
    gsub(/''/, "'", location)
    if (mode == "folders" && !(("t", name) in there)) say_name(location)
    if (mode != "now" || ("t", name) in there) return
    if (moved != "") s = substr(s, 1, i + 9) "'" moved "/" ++tablespaces "';"
    print s
    return
  }
  if (mode != "now") return
  if (s ~ / TABLESPACE /) {
    name = name_at(substr(s, index(s, " TABLESPACE ") + 12))
    if (replace || !(("t", name) in there)) print s
    return
  }
  print s
}
