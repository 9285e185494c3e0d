const named = new Set(Intl.supportedValuesOf("timeZone").map((zone) => zone.toLowerCase()));

/** In every copy of the time zone database, and not in Intl's list, which has each zone's present name alone. */
const further = new Set(
  `utc gmt zulu universal greenwich uct gmt0 gmt+0 gmt-0 cet cst6cdt eet est est5edt hst met mst mst7mdt pst8pdt wet
  cuba egypt eire gb gb-eire hongkong iceland iran israel jamaica japan kwajalein libya navajo nz nz-chat poland portugal
  prc roc rok singapore turkey w-su`.split(/\s+/),
);

/** Whether it is a zone of the IANA's list. Its present names are asked for first: a formatter takes 20 ms to be made. */
export function isTimeZone(name: string): boolean {
  if (name === "UTC" || named.has(name.toLowerCase())) return true;
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

/**
 * True for a time zone that a server's host can be expected to have: a name of the time zone database, or a POSIX form such
 * as `CET-1CEST` or `<+03>-3`, or a number of hours. False is a reason to warn and no more: hosts keep their own database.
 */
export function knownTimeZone(name: string): boolean {
  const key = name.toLowerCase();
  if (named.has(key) || further.has(key) || /^etc\/(?:gmt|utc|uct|zulu|greenwich|universal)([-+]\d{1,2})?$/.test(key)) {
    return true;
  }
  if (/^[-+]?\d{1,2}(?:\.\d+)?$/.test(name)) return true;
  if (/^(?:[A-Za-z]{3,}|<[-+\w]+>)[-+]?\d{1,2}(?::\d{2}){0,2}(?:[A-Za-z]{3,}.*|<[-+\w]+>.*)?$/.test(name)) return true;
  return name !== "" && !/^[-+]/.test(name) && isTimeZone(name);
}
