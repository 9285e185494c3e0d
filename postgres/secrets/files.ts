import { piecesOf, unescapeQuoted, writtenIn } from "../files/postgresqlConf.js";
import { accessSecrets, isSecretSetting, programAlone } from "./positions.js";
import { type Masked, maskedAt, type Span } from "./spans.js";
import { secretsInConninfo, secretsInLongText } from "./text.js";

/** Secrets in the value of a setting. */
export function secretsInValue(name: string, value: string): readonly Span[] {
  const isWhole = isSecretSetting(name);
  if (isWhole && value !== "" && !programAlone.test(value)) return [{ start: 0, end: value.length }];
  const isConninfo = /(?:conninfo|connection(?:_string)?|connstr|dsn)$/i.test(name);
  const exact = isConninfo || /^\s*[a-z_]+\s*=/.test(value) ? secretsInConninfo(value) : [];
  const others = secretsInLongText(value).filter(
    ({ start }) => !exact.some((one) => start >= one.start && start < one.end),
  );
  return [...exact, ...others];
}

/** A setting's value as it may be shown. */
export function shownValue(name: string, value: string): string {
  return maskedAt(value, secretsInValue(name, value)).text;
}

/** Whether there is anything in a setting's value that may not be shown. */
export function holdsSecret(name: string, value: string): boolean {
  return secretsInValue(name, value).length > 0;
}

/** A file of a data directory as it may be shown: pg_hba.conf, or one of settings, by its name. */
export function maskedFile(name: string, text: string): Masked {
  return maskedAt(text, secretsInFile(name, text));
}

/** Secrets in a file of a data directory, in comments too: what was commented out was in force once. */
export function secretsInFile(name: string, text: string): readonly Span[] {
  return name === "pg_hba.conf" ? secretsInAccess(text) : secretsInSettings(text);
}

/** postgresql.conf, postgresql.auto.conf, recovery.conf, and what is included there. */
function secretsInSettings(text: string): readonly Span[] {
  return inLines(text, secretsInLine);
}

function inLines(text: string, find: (line: string) => readonly Span[]): readonly Span[] {
  let at = 0;
  return text.split("\n").flatMap((line) => {
    const start = at;
    at += line.length + 1;
    return shifted(find(line), start);
  });
}

function shifted(spans: readonly Span[], by: number): readonly Span[] {
  return by === 0 ? spans : spans.map(({ start, end }) => ({ start: start + by, end: end + by }));
}

function secretsInLine(line: string): readonly Span[] {
  const [comment = ""] = /^\s*(?:#\s*)*/.exec(line) ?? [];
  const text = line.slice(comment.length);
  const written = writtenIn(text);
  if (written === undefined) {
    const [lead = "", name = ""] = /^([\w.]+)\s*=?\s*'?/.exec(text) ?? [];
    const isWhole = isSecretSetting(name);
    if (isWhole) return [{ start: comment.length + lead.length, end: line.length }];
    const found = secretsInLongText(line);
    // Which of its quotes is one too many nobody knows.
    return comment.includes("#") || found.length === 0
      ? found
      : [{ start: Math.min(...found.map(({ start }) => start)), end: line.length }];
  }
  const begin = comment.length + written.start;
  const after = secretsInLongText(line.slice(begin + written.inner.length));
  const behind = shifted(after, begin + written.inner.length);
  if (!written.quoted) return [...shifted(secretsInValue(written.name, written.inner), begin), ...behind];
  const secrets = secretsInValue(written.name, unescapeQuoted(written.inner));
  if (secrets.length === 0) return behind;
  const places = placesOf(written.inner);
  const inValue = secrets.map(({ start, end }) => ({
    start: begin + (places[start] as number),
    end: begin + (places[end] as number),
  }));
  return [...inValue, ...behind];
}

/** Where each character of a value begins between its quotes, and where the last one ends. */
function placesOf(inner: string): readonly number[] {
  const places = [0];
  for (const piece of piecesOf(inner)) places.push((places.at(-1) as number) + piece.length);
  return places;
}

const accessLead = new RegExp(`(?:${accessSecrets.join("|")})["\\s]*=`, "gi");

/** pg_hba.conf, or one rule of it. */
export function secretsInAccess(text: string): readonly Span[] {
  const options = [...text.matchAll(accessLead)].flatMap((match) => optionValue(text, match.index, match[0].length));
  const others = inLines(text, secretsInLongText).filter(
    ({ start }) => !options.some((one) => start >= one.start && start <= one.end),
  );
  return [...options, ...others];
}

/**
 * The value of an option: up to the next option, a comment or the end of the line. A blank or a comma in it should have
 * stood in quotes; whoever forgot them wrote a secret all the same. The number of quotes that are left stays as even or
 * odd as it was, so that the rest of the line is read as before.
 */
function optionValue(text: string, option: number, length: number): readonly Span[] {
  const start = option + length;
  const line = text.lastIndexOf("\n", option) + 1;
  let inQuotes = (text.slice(line, start).match(/"/g)?.length ?? 0) % 2 === 1;
  let end = start;
  for (; end < text.length; end++) {
    const character = text[end];
    if (character === "\n" && !/\\\r*$/.test(text.slice(line, end))) break;
    if (character === '"') inQuotes = !inQuotes;
    else if (!inQuotes && /[\s,]/.test(character ?? "") && /^[\s,]+(?:#|"?\w+"*=|$)/.test(text.slice(end, end + 80)))
      break;
  }
  while (end > start && /\s/.test(text[end - 1] as string)) end--;
  const quotes = text.slice(start, end).match(/"/g)?.length ?? 0;
  if (quotes % 2 === 0) return [{ start, end }];
  const last = text.lastIndexOf('"', end - 1);
  return [
    { start, end: last },
    { start: last + 1, end },
  ];
}
