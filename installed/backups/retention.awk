# Which runs of a place go. Pure.
#
#   awk -f retention.awk -v last=4 -v daily=7 -v weekly=4 -v monthly=12 -v made=RUN runs
#
# runs   RUN STATE VERIFIED    tab-separated, in any order; STATE: whole partial damaged; VERIFIED: 1 if a drill found it equal
# out    the names that go, oldest first; with -v words=1 those that stay: RUN WHY
#
# Of the whole runs there stay: the newest `last`; of the newest `daily` UTC days that have a run the newest one each; the same
# by ISO weeks and by months. The newest whole run, the newest verified one, and the one just made never go. If no number is
# declared, no whole run goes. What is partial or damaged goes once a newer whole run is there.

# Days since a Thursday long ago (1 January 1970), Gregorian.
function day_number(year, month, day,    era, of_era, of_year) {
  if (month <= 2) year--
  era = int(year / 400)
  of_era = year - era * 400
  of_year = int((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  return era * 146097 + of_era * 365 + int(of_era / 4) - int(of_era / 100) + of_year - 719468
}

function keep(run, because) {
  if (!(run in kept)) kept[run] = because
}

# The newest run of each of so many periods.
function keep_periods(number, period,    i, n) {
  for (i = whole; i >= 1 && n < number; i--) if (!((period, period_of[run[i], period]) in periods)) {
    periods[period, period_of[run[i], period]] = 1
    n++
    keep(run[i], period)
  }
}

BEGIN { FS = OFS = "\t" }

{
  all++
  name[all] = $1
  state[$1] = $2
  verified[$1] = $3
}

END {
  # Names are times: their order is that of time. Runs are few, and each comes nearly in its place.
  for (i = 2; i <= all; i++) {
    one = name[i]
    for (j = i - 1; j >= 1 && name[j] > one; j--) name[j + 1] = name[j]
    name[j + 1] = one
  }
  for (i = 1; i <= all; i++) if (state[name[i]] == "whole") {
    one = run[++whole] = name[i]
    days = day_number(substr(one, 1, 4) + 0, substr(one, 5, 2) + 0, substr(one, 7, 2) + 0)
    period_of[one, "daily"] = days
    # Weeks begin on Monday; the first of January 1970 was a Thursday.
    period_of[one, "weekly"] = int((days + 3) / 7)
    period_of[one, "monthly"] = substr(one, 1, 6)
  }
  newest = whole ? run[whole] : ""
  if (whole) keep(newest, "newest")
  for (i = whole; i >= 1; i--) if (verified[run[i]]) {
    keep(run[i], "newest verified")
    break
  }
  if (made != "") keep(made, "just made")
  for (i = whole; i >= 1 && i > whole - last; i--) keep(run[i], "last")
  keep_periods(daily, "daily")
  keep_periods(weekly, "weekly")
  keep_periods(monthly, "monthly")
  for (i = 1; i <= all; i++) {
    one = name[i]
    if (state[one] == "whole") stays = (one in kept) || last + daily + weekly + monthly == 0
    else stays = one > newest || one == made
    if (stays && words) print one, (one in kept) ? kept[one] : "no newer one"
    if (!stays && !words) print one
  }
}
