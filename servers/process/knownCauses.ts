import translated from "../../postgres/data/causes.json";

interface Known {
  /** In English, of all versions. */
  readonly pattern: RegExp;
  /** The same in other languages: rows of `causes.json`. */
  readonly says?: readonly (keyof typeof translated)[];
  /** It is an answer that another server gave. */
  readonly nested?: true;
  readonly remedy: string;
  readonly final: boolean;
  /** Said of a stream, it is a refusal by its upstream. */
  readonly refused?: true;
}

/** Messages of PostgreSQL 9.0 to 18 that say why a server does not start or does not stream, with what to do; the more telling first. */
export const known: readonly Known[] = [
  {
    pattern: /requested WAL segment \S+ has already been removed/,
    says: ["removed"],
    remedy:
      "its upstream no longer has the WAL that it needs: seed it again, and raise wal_keep_segments (wal_keep_size)",
    final: true,
  },
  {
    pattern: /database system identifier differs/,
    says: ["anotherCluster"],
    remedy: "it is a copy of another cluster: check upstream, or move its data directory away and seed it again",
    final: true,
  },
  {
    pattern: /certificate verify failed/,
    remedy:
      "its upstream's certificate has expired, or another authority signed it: run pulumi up where the upstream is described, and check upstream.authority",
    final: false,
  },
  {
    pattern: /server certificate for .* does not match host name/,
    remedy: "another server answers there, or the certificate is to be made for that address: run pulumi up",
    final: false,
  },
  {
    pattern: /server does not support SSL, but SSL was required/,
    says: ["noTls"],
    remedy: "its upstream runs without TLS: run pulumi up where it is described",
    final: false,
  },
  {
    pattern: /could not load (server certificate|private key) file|private key file .* (has|must be)/,
    says: ["certificateFile", "keyFile", "keyMode"],
    remedy: "run pulumi up, which puts its certificate and key in place",
    final: true,
  },
  {
    pattern: /SSL is not supported by this build/,
    remedy: "its programs were built without OpenSSL: take others, or tls away",
    final: true,
  },
  {
    pattern: /no pg_hba\.conf entry/,
    says: ["noRule"],
    remedy: "its upstream's pg_hba.conf lets no replication in from its address: add a rule for `replication`",
    final: false,
    refused: true,
  },
  {
    pattern: /pg_hba\.conf rejects replication connection/,
    says: ["rejected"],
    remedy:
      "a rule of its upstream's pg_hba.conf rejects it before one lets it in: take that from access in the stack file, or put it behind",
    final: false,
    refused: true,
  },
  {
    pattern:
      /(primary server|connect(ion)? to server).*(role "[^"]*" (does not exist|is not permitted to log in)|must be .*replication role|permission denied to start WAL sender)/,
    says: ["noRole", "noLogin", "noReplication"],
    nested: true,
    remedy: "the role by which it replicates is not as declared on its upstream: run pulumi up there",
    final: false,
    refused: true,
  },
  {
    pattern: /password authentication failed|no password supplied/,
    says: ["password"],
    remedy: "the passfile and the role on the upstream do not agree: run pulumi up, or check passwords in the stack",
    final: false,
    refused: true,
  },
  {
    pattern:
      /highest timeline \d+ of the primary is behind recovery timeline|requested timeline \d+ is not a child|new timeline \d+ forked off current/,
    says: ["timelineBehind", "timelineNoChild", "timelineForked"],
    remedy: "its timeline diverged from its upstream's: rewind or seed it again",
    final: true,
  },
  {
    pattern: /insufficient connections? .*|hot standby is not possible because/,
    says: ["floor", "floorEnds"],
    remedy: "a setting is lower than on its upstream: raise it to the upstream's value",
    final: true,
  },
  {
    pattern: /number of requested standby connections exceeds max_wal_senders/,
    says: ["senders"],
    remedy: "raise max_wal_senders on its upstream",
    final: false,
  },
  {
    pattern: /could not bind (IPv4|IPv6|Unix)|Address already in use|Cannot assign requested address/,
    says: ["bind"],
    remedy: "another process has the port, or the address is not this machine's",
    final: true,
  },
  {
    pattern: /could not connect to the primary server|could not connect to server/,
    says: ["connect"],
    remedy: "its upstream does not run or cannot be reached from there",
    final: false,
  },
];

const translations = new Map<Known, RegExp | undefined>();

/** Whether a line of a log says that, in whatever language is known. */
export function says(row: Known, line: string): boolean {
  if (row.pattern.test(line)) return true;
  if (!translations.has(row)) translations.set(row, inOtherLanguages(row));
  return translations.get(row)?.test(line) === true;
}

function inOtherLanguages({ says: keys = [], nested }: Known): RegExp | undefined {
  const texts = keys.flatMap((key) => Object.values(translated[key]));
  if (texts.length === 0) return undefined;
  // A message stands behind its severity and two spaces; another server's behind the words of whoever asked it.
  return new RegExp(`:  ${nested === true ? ".*:  " : ""}.*(?:${texts.map(asWritten).join("|")})`, "u");
}

/** A process whose locale lacks a letter writes something else in its place: any, where enough is left to know the text by. */
function asWritten(text: string): string {
  const enough = text.replace(/[^A-Za-z]/g, "").length >= 10;
  return text
    .replace(/[\\^$.[\]|()*+?{}]/g, "\\$&")
    .replace(/ +/g, "\\s+")
    .replace(/[^ -~]+/g, (letters) => (enough ? `(?:${letters}|[^A-Za-z0-9]{1,8}?)` : letters))
    .replaceAll("%", ".*?");
}
