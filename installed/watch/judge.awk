# Judges what the watch has seen: facts, conditions and the state of the run before make mails and the state after. Pure.
#   awk -f judge.awk part=conditions FILE part=standbys FILE part=state FILE part=facts FILE
# with `server`, `role` (as declared), `upstream`, and where the new state goes (`state_to`) in the environment. Facts are
# NAME, OBJECT, VALUE with a tab between; `now` begins a run, so that one call may judge several. Printed, after a word:
#   fact       NAME OBJECT VALUE
#   condition  NAME SEVERITY OBJECT open|waiting VALUE THRESHOLD SINCE DETAIL
#   mail       begin|end|remind ID REFERENCE NAME SEVERITY OBJECT VALUE THRESHOLD SINCE NOW DETAIL

BEGIN {
  FS = OFS = "\t"
  server = ENVIRON["server"]; role = ENVIRON["role"]; upstream = ENVIRON["upstream"]
  day = 86400
  # While an incident lasts, it is not over before its value is so much better: at the threshold itself mails would alternate.
  slack = 0.05
  # Of a disk so many readings are kept, so many seconds apart at least; none is foreseen by less than `enough` seconds of them.
  readings = 24; apart = 3000; enough = 6 * 3600
}

part == "conditions" {
  condition[++conditions] = $1
  severity[$1] = $2; sections[$1] = $3; runs[$1] = $4 + 0; unless[$1] = $5
  tests[$1] = 0
  for (i = 6; i + 2 <= NF; i += 3) {
    tests[$1]++
    t = $1 SUBSEP tests[$1]
    fact_of[t] = $i; way[t] = $(i + 1); limit[t] = $(i + 2)
  }
}

# SERVER APPLICATION_NAME DELAY
part == "standbys" { standby[$2] = $1; delay[$1] = $3 + 0; expected[++standbys] = $1 }

part == "state" && $1 == "born" { born = $2 }
part == "state" && $1 == "seq" { seq = $2 + 0 }
part == "state" && $1 == "last" { last = $2 }
part == "state" && $1 == "held" { k = $2 SUBSEP $3; held[k] = $4 + 0; since[k] = $5 }
part == "state" && $1 == "open" { k = $2 SUBSEP $3; open[k] = $4; since[k] = $5; reminded[k] = $6; value_of[k] = $7; how[k] = $8 }
part == "state" && $1 == "at" { at[$2] = $3; at_since[$2] = $4 }
part == "state" && $1 == "free" { free_time[$2, ++free[$2]] = $3; free_bytes[$2, free[$2]] = $4 }
part == "state" && $1 == "first" { first[$2] = $3 }
part == "state" && $1 == "total" { total[$2] = $3 }
part == "state" && $1 == "keep" { keep[$2] = $3 }

part == "facts" && $1 == "now" {
  if (now != "") judge()
  now = $3
  next
}
part == "facts" && $1 == "looked" { looked[$2] = 1; next }
part == "facts" && $1 == "keep" { fresh[$2] = $3; next }
# What is not known, as NULL.
part == "facts" && $3 == "" { next }
# What reads WAL and is no standby of the stack (a base backup, a subscriber) has its own watch.
part == "facts" && $2 != "" && ($1 == "sender" || $1 == "behind" || $1 == "replay") && !($2 in standby) { next }
part == "facts" { put($1, whose($1, $2), $3) }

END {
  if (now != "") judge()
  save()
}

# What a server says of itself is about the standby that it is, or about the one whose application_name it gives.
function whose(name, object) {
  if (name == "sender" || name == "behind" || name == "replay" || name == "paused" || name == "replay.seconds") {
    if (object == "") return server
    if (object in standby) return standby[object]
  }
  if (name == "receives" && object == "") return upstream
  return object
}

function put(name, object, value) {
  if (!((name, object) in value_now)) { order[++facts] = name SUBSEP object; of_fact[name, ++objects[name]] = object }
  value_now[name, object] = value
}
function has(name, object) { return (name, object) in value_now }
function get(name, object) { return value_now[name, object] }
function whole(number) { return sprintf("%.0f", number) }

function judge(   i, j, c, t, k, o, all, holds, list, n, name) {
  if (born == "") born = now
  derive()
  for (i = 1; i <= facts; i++) {
    split(order[i], k2, SUBSEP)
    print "fact", k2[1], k2[2], value_now[order[i]]
  }
  # First what holds, since a condition may be the consequence of another.
  for (i = 1; i <= conditions; i++) {
    c = condition[i]
    t = fact_of[c, 1]
    for (j = 1; j <= objects[t]; j++) {
      o = of_fact[t, j]
      if (does_hold(c, o)) now_holds[c, o] = 1
      add(c, o)
    }
  }
  for (k in open) { split(k, k2, SUBSEP); add(k2[1], k2[2]) }
  for (k in held) { split(k, k2, SUBSEP); add(k2[1], k2[2]) }
  for (i = 1; i <= conditions; i++) {
    c = condition[i]
    # An order that does not depend on how an awk keeps its arrays.
    for (j = 1; j <= due[c]; j++) sort_in(c, j)
    for (j = 1; j <= due[c]; j++) settle(c, due_object[c, j])
  }
  # What is no condition any more: the stack took it out, or another pgsite did.
  for (k in open) { split(k, k2, SUBSEP); if (!(k2[1] in tests)) over(k, k2[1], k2[2], "") }
  for (k in held) { split(k, k2, SUBSEP); if (!(k2[1] in tests)) forget(k) }
  if (looked["log"]) { for (k in keep) delete keep[k] }
  for (k in fresh) keep[k] = fresh[k]
  last = now
  clear()
}

function add(c, o) {
  if ((c, o) in is_due) return
  is_due[c, o] = 1
  due_object[c, ++due[c]] = o
}
function sort_in(c, j,   i, o) {
  o = due_object[c, j]
  for (i = j - 1; i >= 1 && due_object[c, i] > o; i--) due_object[c, i + 1] = due_object[c, i]
  due_object[c, i + 1] = o
}

function does_hold(c, o,   i, t, v, l) {
  for (i = 1; i <= tests[c]; i++) {
    t = c SUBSEP i
    if (!has(fact_of[t], o)) return 0
    v = get(fact_of[t], o) + 0
    l = limit[t] + 0
    if ((c, o) in open) l = way[t] == "from" ? l - slack * (l < 0 ? -l : l) : l + slack * (l < 0 ? -l : l)
    if (way[t] == "from" ? v < l : v > l) return 0
  }
  return 1
}

# Whether all was looked at that tells of it.
function is_known(c,   n, i, list) {
  n = split(sections[c], list, ",")
  for (i = 1; i <= n; i++) if (!looked[list[i]]) return 0
  return 1
}

function is_consequence(c, o,   n, i, list) {
  n = split(unless[c], list, ",")
  for (i = 1; i <= n; i++) if ((list[i], o) in now_holds) return 1
  return 0
}

function seen_detail(c, o) { return has("detail." c, o) ? get("detail." c, o) : "" }
function seen_value(c, o) { return has(fact_of[c, 1], o) ? get(fact_of[c, 1], o) : "" }

function settle(c, o,   k) {
  k = c SUBSEP o
  # A clock that was set back.
  if (k in since && since[k] + 0 > now + 0) since[k] = now
  if (k in reminded && reminded[k] + 0 > now + 0) reminded[k] = now
  if (k in now_holds) {
    if (!(k in since)) since[k] = now
    if (k in open) {
      value_of[k] = seen_value(c, o)
      if (seen_detail(c, o) != "") how[k] = seen_detail(c, o)
      if (severity[c] != "note" && now - reminded[k] >= day) {
        reminded[k] = now
        mail("remind", open[k] "-" now, open[k], c, o)
      }
    } else if (!is_consequence(c, o)) {
      held[k]++
      if (held[k] >= runs[c]) {
        seq++
        open[k] = "watch-" born "-" seq
        delete held[k]
        reminded[k] = now
        value_of[k] = seen_value(c, o); how[k] = seen_detail(c, o)
        mail("begin", open[k], "", c, o)
      }
    }
  } else if (is_known(c)) {
    if (k in open) over(k, c, o, seen_value(c, o))
    else forget(k)
  }
  if (k in open) shown(c, o, "open", value_of[k], how[k])
  else if (k in held || k in now_holds) shown(c, o, "waiting", seen_value(c, o), seen_detail(c, o))
}

function shown(c, o, status, v, d) { print "condition", c, severity[c], o, status, v, limit[c, 1], since[c, o], d }

function over(k, c, o, v) {
  value_of[k] = v
  mail("end", open[k] "-end", open[k], c, o)
  forget(k)
}
function forget(k) { delete open[k]; delete held[k]; delete since[k]; delete reminded[k]; delete value_of[k]; delete how[k] }

function mail(kind, id, reference, c, o,   k) {
  k = c SUBSEP o
  print "mail", kind, id, reference, c, severity[c], o, value_of[k], limit[c, 1], since[k], now, how[k]
}

# What follows from the facts of this run and of those before.
function derive(   i, j, o, n, p, text) {
  if (looked["server"] && has("recovery", "")) {
    put("role.wrong", "", (role == "primary") == (get("recovery", "") == 1) ? 1 : 0)
  }
  if (looked["replication"]) {
    for (i = 1; i <= standbys; i++) put("standby.streams", expected[i], get("sender", expected[i]) == "streaming" ? 1 : 0)
  }
  n = objects["behind"]
  for (i = 1; i <= n; i++) {
    o = of_fact["behind", i]
    if (!has("replay", o)) continue
    if (!(o in at) || at[o] != get("replay", o) || get("behind", o) + 0 == 0) { at[o] = get("replay", o); at_since[o] = now }
    if (at_since[o] + 0 > now + 0) at_since[o] = now
    # What is declared to be replayed late stands still for as long.
    put("still", o, whole(now - at_since[o] > delay[o] ? now - at_since[o] - delay[o] : 0))
  }
  n = objects["disk.size"]
  for (i = 1; i <= n; i++) {
    o = of_fact["disk.size", i]
    if (get("disk.size", o) + 0 <= 0) continue
    put("disk.percent", o, sprintf("%.1f", 100 * get("disk.free", o) / get("disk.size", o)))
    foresee(o)
  }
  if (has("connections.max", "") && get("connections.max", "") + 0 > 0) {
    put("connections.percent", "", sprintf("%.1f", 100 * get("connections", "") / get("connections.max", "")))
  }
  if (looked["sessions"]) {
    if (!has("transaction.seconds", "")) put("transaction.seconds", "", 0)
    if (!has("prepared.seconds", "")) put("prepared.seconds", "", 0)
  }
  ages("backup"); ages("verified"); ages("drill")
  if (has("certificate.end", "")) put("certificate.days", "", whole((get("certificate.end", "") - now - day / 2) / day))
  n = split("PANIC FATAL ERROR", p, " ")
  for (i = 1; i <= n; i++) {
    if (has("log." p[i], "")) total[p[i]] += get("log." p[i], "")
    put("log.total", p[i], whole(total[p[i]]))
  }
  n = objects["peer"]
  for (i = 1; i <= n; i++) {
    o = of_fact["peer", i]
    text = get("peer", o)
    put("peer.host", o, text == "host" ? 1 : 0)
    put("peer.silent", o, text == "silent" ? 1 : 0)
    put("peer.busy", o, text == "busy" ? 1 : 0)
  }
}

# How old the newest is of a place; where there was none yet, since when the watch has known the place.
function ages(what,   i, o, n, began) {
  n = objects[what ".time"]
  for (i = 1; i <= n; i++) {
    o = of_fact[what ".time", i]
    began = get(what ".time", o)
    # Where all are gone, how old the last one was goes on.
    if (began + 0 > 0) first[what " " o] = began
    else if (!((what " " o) in first)) first[what " " o] = now
    began = first[what " " o]
    put(what ".seconds", o, whole(now > began ? now - began : 0))
  }
}

# When a disk is full if it goes on as since the oldest reading.
function foresee(o,   i, n, bytes, used, took) {
  bytes = get("disk.free", o) + 0
  n = 0
  for (i = 1; i <= free[o]; i++) {
    if (free_time[o, i] + 0 > now + 0) continue
    n++
    free_time[o, n] = free_time[o, i]; free_bytes[o, n] = free_bytes[o, i]
  }
  free[o] = n
  if (n > 0) {
    took = now - free_time[o, 1]
    used = free_bytes[o, 1] - bytes
    if (took >= enough && used > 0) put("disk.hours", o, sprintf("%.1f", bytes / (used / took) / 3600))
  }
  if (n > 0 && now - free_time[o, n] < apart) return
  if (n >= readings) {
    for (i = 1; i < n; i++) { free_time[o, i] = free_time[o, i + 1]; free_bytes[o, i] = free_bytes[o, i + 1] }
    n--
  }
  free[o] = ++n
  free_time[o, n] = now; free_bytes[o, n] = whole(bytes)
}

function clear(   k) {
  split("", value_now); split("", order); split("", objects); split("", of_fact); split("", looked); split("", fresh)
  split("", now_holds); split("", is_due); split("", due); split("", due_object)
  facts = 0
}

function save(   to, k, i) {
  to = ENVIRON["state_to"]
  if (to == "") return
  print "pgsite-watch", 1 > to
  print "born", born > to
  print "seq", seq + 0 > to
  print "last", last > to
  for (k in held) { split(k, k2, SUBSEP); print "held", k2[1], k2[2], held[k], since[k] > to }
  for (k in open) { split(k, k2, SUBSEP); print "open", k2[1], k2[2], open[k], since[k], reminded[k], value_of[k], how[k] > to }
  for (k in at) print "at", k, at[k], at_since[k] > to
  for (k in free) for (i = 1; i <= free[k]; i++) print "free", k, free_time[k, i], free_bytes[k, i] > to
  for (k in first) print "first", k, first[k] > to
  for (k in total) print "total", k, whole(total[k]) > to
  for (k in keep) print "keep", k, keep[k] > to
  if (close(to) != 0) exit 74
}
