# Makes mails of what judge.awk has found: awk -f words.awk part=messages FILE part=found FILE, with `site`, `server` and `scratch` in
# the environment. Of each mail: $scratch/mail.N.subject, $scratch/mail.N.body; printed: N ID REFERENCE.

BEGIN { FS = OFS = "\t"; site = ENVIRON["site"]; server = ENVIRON["server"]; scratch = ENVIRON["scratch"] }

part == "messages" { unit[$1] = $2; title[$1] = $3; begins[$1] = $4; advice[$1] = $5; ends[$1] = $6 }

part == "found" && $1 == "condition" && $5 == "open" {
  standing[++open] = "- " filled(title[$2], $2, $4, $6, $7, $9) ", since " utc($8)
  standing_is[open] = $2 SUBSEP $4
}
part == "found" && $1 == "mail" { line[++mails] = $0 }

END { for (n = 1; n <= mails; n++) write(line[n]) }

function write(text,   f, to, subject, i, more) {
  split(text, f, FS)
  # f: mail KIND ID REFERENCE NAME SEVERITY OBJECT VALUE THRESHOLD SINCE NOW DETAIL
  subject = filled(title[f[5]], f[5], f[7], f[8], f[9], f[12])
  if (title[f[5]] == "") subject = f[5] (f[7] == "" ? "" : " " f[7])
  to = scratch "/mail." n ".subject"
  print (f[2] == "end" ? "well again: " : f[2] == "remind" ? "still: " : "") server ": " subject > to
  close(to)
  to = scratch "/mail." n ".body"
  if (f[2] == "end") {
    print filled(ends[f[5]], f[5], f[7], f[8], f[9], f[12]) > to
    print "" > to
    print "It was so since " utc(f[10]) ", for " span(f[11] - f[10]) "." > to
  } else {
    print filled(begins[f[5]], f[5], f[7], f[8], f[9], f[12]) > to
    if (advice[f[5]] != "") print filled(advice[f[5]], f[5], f[7], f[8], f[9], f[12]) > to
    print "" > to
    print "Since " utc(f[10]) (f[2] == "remind" ? ", for " span(f[11] - f[10]) "." : ".") (f[6] == "note" ? "" : " A reminder comes once a day, and a mail when it is over.") > to
  }
  print "" > to
  print "site " site ", server " server ", condition " f[5] " (" f[6] "), seen at " utc(f[11]) > to
  more = 0
  for (i = 1; i <= open; i++) {
    if (standing_is[i] == f[5] SUBSEP f[7]) continue
    if (!more++) print "\nAlso wrong on this server:" > to
    print standing[i] > to
  }
  close(to)
  print n, f[3], f[4]
}

# A text with its placeholders filled; a part in braces is left out where its placeholder is empty.
function filled(text, c, o, v, t, d,   out, i, part, name, value) {
  value["o"] = o; value["v"] = words(unit[c], v); value["t"] = words(unit[c], t); value["d"] = d
  out = ""
  while (match(text, /[{][^{}]*[}]/)) {
    part = substr(text, RSTART + 1, RLENGTH - 2)
    out = out substr(text, 1, RSTART - 1)
    text = substr(text, RSTART + RLENGTH)
    name = match(part, /%[ovtd]/) ? substr(part, RSTART + 1, 1) : ""
    if (name == "" || value[name] != "") out = out part
  }
  text = out text
  out = ""
  # What is filled in may have such marks itself.
  while (match(text, /%[ovtd]/)) {
    out = out substr(text, 1, RSTART - 1) value[substr(text, RSTART + 1, 1)]
    text = substr(text, RSTART + 2)
  }
  return out text
}

function words(unit, v) {
  if (v == "" || v !~ /^-?[0-9.]+$/) return v
  if (unit == "bytes") return bytes(v)
  if (unit == "seconds") return span(v)
  if (unit == "hours") return span(v * 3600)
  if (unit == "days") return v == 1 ? "1 day" : v " days"
  if (unit == "percent") { sub(/[.]0$/, "", v); return v " %" }
  return v
}

function bytes(v,   u, i) {
  split("bytes kB MB GB TB PB", u, " ")
  for (i = 1; v >= 1024 && i < 6; i++) v /= 1024
  return sprintf(i == 1 || v >= 100 ? "%.0f %s" : "%.1f %s", v, u[i])
}

function span(s) {
  s = int(s)
  if (s < 0) s = 0
  if (s < 60) return s " s"
  if (s < 3600) return int(s / 60) " min " s % 60 " s"
  if (s < 172800) return int(s / 3600) " h " int(s % 3600 / 60) " min"
  return sprintf("%.0f days", int(s / 86400))
}

# EPOCH as 2026-11-29T11:02:00Z; Howard Hinnant's civil_from_days.
function utc(e,   z, era, doe, yoe, y, doy, mp, d, m, s) {
  z = int(e / 86400); s = e - z * 86400
  z += 719468
  era = int(z / 146097)
  doe = z - era * 146097
  yoe = int((doe - int(doe / 1460) + int(doe / 36524) - int(doe / 146096)) / 365)
  y = yoe + era * 400
  doy = doe - (365 * yoe + int(yoe / 4) - int(yoe / 100))
  mp = int((5 * doy + 2) / 153)
  d = doy - int((153 * mp + 2) / 5) + 1
  m = mp < 10 ? mp + 3 : mp - 9
  if (m <= 2) y++
  return sprintf("%04d-%02d-%02dT%02d:%02d:%02dZ", y, m, d, int(s / 3600), int(s % 3600 / 60), s % 60)
}
