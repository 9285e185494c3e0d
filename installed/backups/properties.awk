# What pg_restore -C writes of a database itself, without its content: encoding, owner, grants, settings. FROM: its name there; AS: the
# name that it is to have here. part=1: what makes it, for another database's session; part=2: the rest, for one of its own.
# Read after literals.awk. What psql alone understands (\restrict) goes through: pg_restore closes it before it opens another database.
BEGIN {
  raw = ENVIRON["FROM"]
  named = raw
  gsub(/"/, "\"\"", named)
  named = "\"" named "\""
  other = ENVIRON["AS"]
  gsub(/"/, "\"\"", other)
  other = "\"" other "\""
  at = 1
  inside = 0
}

# replaced LINE AFTER: the line with the database's name, right after AFTER, as it is to be.
function replaced(line, after,   i, rest, length_of_name) {
  i = index(line, after)
  if (i == 0) return line
  i += length(after)
  rest = substr(line, i)
  if (substr(rest, 1, length(named)) == named) length_of_name = length(named)
  else if (substr(rest, 1, length(raw)) == raw && substr(rest, length(raw) + 1, 1) ~ /^[ ;]$/) length_of_name = length(raw)
  else return line
  return substr(line, 1, i - 1) other substr(rest, length_of_name + 1)
}

{
  line = $0
  if (!inside) {
    if (line ~ /^\\connect /) { at = 2; next }
    if (line ~ /^(CREATE|ALTER|COMMENT ON) DATABASE / || line ~ /^(GRANT|REVOKE|SECURITY LABEL) .*ON DATABASE /) line = replaced(line, " DATABASE ")
    else if (line ~ /^ALTER ROLE .* IN DATABASE /) {
      # A role may have any name.
      role = match(line, /^ALTER ROLE "([^"]|"")*"/) || match(line, /^ALTER ROLE [^ ]*/) ? substr(line, 1, RLENGTH) : ""
      line = role replaced(substr(line, length(role) + 1), " IN DATABASE ")
    }
  }
  inside = left_open($0, inside)
  if (at == part) print line
}
