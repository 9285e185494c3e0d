import { conninfoParts } from "../files/conninfo.js";
import {
  connectionSecrets,
  type EnclosedSecret,
  inMessages,
  inText,
  isSecretSetting,
  type LedSecret,
} from "./positions.js";
import { mask, maskedAt, type Span } from "./spans.js";

/** Most texts have none of these, and are not looked at further. */
const suspicious = /pass|pwd|secret|token|key|credential|auth|command "|:\/\/|-u|--(?:proxy-)?user|md5|scram/i;

/** Secrets in any text: a command, a comment, a connection string within either. */
export function secretsInText(text: string): readonly Span[] {
  return suspicious.test(text) ? inText.flatMap((row) => spansOf(row, text)) : [];
}

/** Secrets in what a server said: also what it quotes of a file that it does not understand. */
export function secretsInMessage(text: string): readonly Span[] {
  const quoted = /"|format: /.test(text) ? inMessages.flatMap((row) => spansOf(row, text)) : [];
  return [...secretsInText(text), ...quoted];
}

/** Characters of a line beyond which nobody reads on, and a stranger could make us search for long. */
const longest = 8192;

/** A message or lines of a log, as they may be shown. */
export function withoutSecrets(message: string): string {
  if (message.length <= longest && !suspicious.test(message) && !/"|format: /.test(message)) return message;
  const lines = message.split("\n").map((line) => (line.length > longest ? `${line.slice(0, longest)}…` : line));
  return lines.map((line) => maskedAt(line, secretsInMessage(line)).text).join("\n");
}

/** A line of a file that its server does not take, as a message may quote it: where a secret in it ends nobody knows. */
export function quotedLine(line: string): string {
  const [lead = "", name = ""] = /^\s*([\w.]+)\s*=?\s*/.exec(line) ?? [];
  const text = isSecretSetting(name) ? lead + mask : withoutSecrets(line);
  const secret = text.indexOf(mask);
  return (secret < 0 ? text : `${text.slice(0, secret)}${mask}…`).trim();
}

/** A message about a text with these secrets: it may quote a piece of one, where a quote was missing. */
export function withoutPieces(message: string, secrets: readonly string[]): string {
  const pieces = secrets.flatMap((secret) => [secret, ...secret.split(/[\s"',=]+/)]).filter(({ length }) => length > 2);
  const longestFirst = [...new Set(pieces)].sort((left, right) => right.length - left.length);
  return longestFirst.reduce((text, piece) => text.replaceAll(piece, mask), withoutSecrets(message));
}

/** As `secretsInText`; a text of unusual length is taken for one as a whole. */
export function secretsInLongText(text: string): readonly Span[] {
  if (text.length <= longest) return secretsInText(text);
  return suspicious.test(text) ? [{ start: 0, end: text.length }] : [];
}

/** Secrets in a connection string; where libpq would refuse it, up to what may be the next parameter. */
export function secretsInConninfo(text: string): readonly Span[] {
  const parts = conninfoParts(text);
  const names: readonly string[] = connectionSecrets;
  if (parts !== undefined) return parts.filter(({ name, value }) => names.includes(name) && value !== "");
  const loose = new RegExp(`\\b(?:${connectionSecrets.join("|")})\\s*=\\s*`, "gi");
  return [...text.matchAll(loose)].map((match) => {
    const start = match.index + match[0].length;
    const next = text.slice(start).search(/\s[a-z_]+\s*=/);
    return { start, end: next < 0 ? text.length : start + next };
  });
}

function spansOf(row: LedSecret | EnclosedSecret, text: string): Span[] {
  if ("lead" in row) {
    return [...text.matchAll(row.lead)].map((match) => {
      const start = match.index + match[0].length;
      return { start, end: wordEnd(text, start) };
    });
  }
  return [...text.matchAll(row.pattern)].flatMap(({ indices }) => {
    const [start, end] = indices?.groups?.secret ?? [0, 0];
    return [{ start, end }];
  });
}

/**
 * Where a word ends that begins here, as a shell or libpq would take it: quotes hold blanks together, a backslash takes
 * the next character along. Within quotes that were opened before, it ends with these.
 */
function wordEnd(text: string, start: number): number {
  const around = openQuote(text, start);
  for (let at = start; at < text.length; at++) {
    const character = text[at] as string;
    if (character === around || /\s/.test(character)) return at;
    if ((character === "&" || character === ",") && /^.[\w.-]+=/.test(text.slice(at, at + 80))) return at;
    if (character === "\\") at++;
    else if (character === '"' || character === "'") {
      const close = closing(text, at);
      if (close > 0) at = close;
      // A quote that is never closed: everything up to the end may belong to it where the word begins with it.
      else if (at === start) return text.length;
    }
  }
  return text.length;
}

/** The quote within which a place is, as a shell sees it. */
function openQuote(text: string, place: number): string | undefined {
  let open: string | undefined;
  for (let at = 0; at < place; at++) {
    const character = text[at];
    if (character === "\\" && open !== "'") at++;
    else if (open !== undefined) open = character === open ? undefined : open;
    else if (character === '"' || (character === "'" && !/\w/.test(text[at - 1] ?? ""))) open = character;
  }
  return open;
}

function closing(text: string, open: number): number {
  for (let at = open + 1; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === text[open]) return at;
  }
  return -1;
}
