# Counts the rows of each table in what pg_restore writes of a dump's data section: a number a table, in their order.
# What stands between a COPY and its \. is one row a line, since COPY writes line breaks as \n; empty lines are rows of
# tables without columns. The statement itself has several lines if a name has a line break.
copying {
  if ($0 == "\\.") {
    print rows
    copying = 0
  } else rows++
  next
}
heading || /^COPY / {
  heading = 1
  if (/ FROM stdin;$/) {
    heading = 0
    copying = 1
    rows = 0
  }
}
END { if (copying || heading) print "cut off" }
