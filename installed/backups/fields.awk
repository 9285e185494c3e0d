# What a field says, as COPY writes it.
function unescaped(text,    out, i, c) {
  if (index(text, "\\") == 0) return text
  out = ""
  for (i = 1; i <= length(text); i++) {
    c = substr(text, i, 1)
    if (c == "\\") {
      i++
      c = substr(text, i, 1)
      if (c in control) c = control[c]
    }
    out = out c
  }
  return out
}

BEGIN {
  control["t"] = "\t"; control["n"] = "\n"; control["r"] = "\r"; control["b"] = "\b"; control["f"] = "\f"; control["v"] = "\v"
}
