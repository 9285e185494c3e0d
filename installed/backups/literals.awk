# left_open TEXT LITERAL: whether a literal is open where a line of SQL ends, which was (LITERAL) or was not open where it began. A quote in an
# identifier ("it's") or in a comment of its own line opens none; two in a literal close it and open it again.
function left_open(text, literal,   i, c) {
  if (!literal && text ~ /^--/) return 0
  for (;;) {
    if (literal) {
      if ((i = index(text, "'")) == 0) return 1
      literal = 0
    } else {
      if ((i = match(text, /['"]/)) == 0) return 0
      c = substr(text, i, 1)
      if (c == "'") literal = 1
      else {
        text = substr(text, i + 1)
        if ((i = index(text, "\"")) == 0) return 0
      }
    }
    text = substr(text, i + 1)
  }
}
