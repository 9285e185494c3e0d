# The dumps of a run, each with how long it will take: seconds as the last run had them if they were many, else by its size. Pure.
#
#   awk -f queue.awk last plan | sort -t TAB -k 1,1nr -k 2,2nr
#
# last   the manifest of the last run, or nothing
# plan   as plan.awk writes it, and for a database as a whole: dump DATABASE whole whole BYTES
# out    SECONDS BYTES DATABASE FILE KIND PATH; a dump without data (a frame) takes a second
BEGIN { FS = OFS = "\t" }

$1 == "database" && NF == 3 { bytes += $3; next }
$1 == "file" && NF == 7 && $5 ~ /^(whole|frame|data|rest)$/ {
  seconds[$2] = $7
  all += $7
  next
}
$1 == "dump" {
  path = folder($2) "/" $3 ".dump"
  if ((path in seconds) && seconds[path] >= 10) took = seconds[path]
  else if (all > 0 && bytes > 0) took = $5 * all / bytes
  else took = 0
  printf "%.3f\t%.0f\t%s\t%s\t%s\t%s\n", took, $5, $2, $3, $4, path
}

# The folder of a database in a run: what a file system or a shell would mind is %XX, as are names that the run itself has.
function folder(text,    out, i, c) {
  if (text in folders) return folders[text]
  out = ""
  for (i = 1; i <= length(text); i++) {
    c = substr(text, i, 1)
    if (c ~ /[A-Za-z0-9_]/ || (i > 1 && c ~ /[.-]/) || c > "~") out = out c
    else out = out sprintf("%%%02X", code[c])
  }
  if (out ~ /^(manifest|verified|configuration|sizes\.txt|globals.*\.sql)/) out = sprintf("%%%02X", code[substr(out, 1, 1)]) substr(out, 2)
  folders[text] = out
  return out
}
BEGIN { for (i = 1; i < 128; i++) code[sprintf("%c", i)] = i }
