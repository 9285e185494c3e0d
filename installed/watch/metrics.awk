# Writes what the watch found as Prometheus reads it:
#   awk -f metrics.awk part=metrics FILE part=conditions FILE part=found FILE
# with `site`, `server`, `time` and `unsent` in the environment.

BEGIN {
  FS = "\t"
  base = "site=\"" escaped(ENVIRON["site"]) "\",server=\"" escaped(ENVIRON["server"]) "\""
}
part == "metrics" { name[++n] = $1; type[$1] = $2; of[$3] = $1; label[$1] = $4; help[$1] = $5 }
part == "conditions" { condition[++c] = $1; severity[$1] = $2 }
part == "found" && $1 == "fact" && ($2 in of) { add(of[$2], $3, $4) }
part == "found" && $1 == "condition" && $5 == "open" {
  line[$2] = line[$2] "pgsite_condition{" base ",condition=\"" $2 "\",severity=\"" $3 "\",object=\"" escaped($4) "\"} 1\n"
}

function add(metric, object, value) {
  if (value !~ /^-?[0-9]+([.][0-9]+)?$/) return
  text[metric] = text[metric] metric "{" base (label[metric] == "" ? "" : "," label[metric] "=\"" escaped(object) "\"") "} " value "\n"
}
# In each label a backslash, a quote and a line break.
function escaped(value) { return behind(behind(value, "\\"), "\"") }
# Each of these characters with a backslash before it; what gsub makes of backslashes differs from awk to awk.
function behind(value, one,   out, at) {
  out = ""
  while ((at = index(value, one)) > 0) {
    out = out substr(value, 1, at - 1) "\\" one
    value = substr(value, at + 1)
  }
  return out value
}

END {
  add(of["time"], "", ENVIRON["time"])
  add(of["unsent"], "", ENVIRON["unsent"])
  for (i = 1; i <= n; i++) {
    if (text[name[i]] == "") continue
    print "# HELP " name[i] " " help[name[i]]
    print "# TYPE " name[i] " " type[name[i]]
    printf "%s", text[name[i]]
  }
  print "# HELP pgsite_condition Whether a condition of the watch holds, for an object of it."
  print "# TYPE pgsite_condition gauge"
  for (i = 1; i <= c; i++) {
    if (line[condition[i]] != "") printf "%s", line[condition[i]]
    else print "pgsite_condition{" base ",condition=\"" condition[i] "\",severity=\"" severity[condition[i]] "\",object=\"\"} 0"
  }
}
