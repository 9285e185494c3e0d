import type { Major } from "../../postgres/versions.js";

/** A standby's log, and how the stream from its primary ended by it: for whatever judges one. */
export interface StreamLog {
  readonly name: string;
  readonly version: Major;
  readonly settings: Readonly<Record<string, string>>;
  readonly lines: readonly string[];
  readonly kind: "open" | "broken" | "finished" | "early" | "mute" | "unknown";
  /** Its line. */
  readonly because?: string;
}

const stamp = "2026-11-21 14:02:11.123 UTC";
const named = `${stamp} [42] walreceiver `;
/** Before 13: neither virtual transaction nor address. */
const unnamed = `${stamp} [42]   `;
const session = `${stamp} [77] client backend `;
const worker = `${stamp} [78] parallel worker `;

const began = "LOG:  started streaming WAL from primary at 0/3000000 on timeline 1";
const broke = "FATAL:  could not receive data from WAL stream: server closed the connection unexpectedly";
const finished = "LOG:  replication terminated by primary server";
const refused =
  'FATAL:  could not connect to the primary server: connection to server at "192.0.2.2", port 5432 failed: Connection refused';
const noEntry =
  'FATAL:  could not connect to the primary server: connection to server at "192.0.2.2", port 5432 failed: FATAL:  no pg_hba.conf entry for replication connection from host "192.0.2.3", user "replicator", no encryption';
const rest = "\tThis probably means the server terminated abnormally";
const brokeSaid = "FATAL: could not receive data from WAL stream: server closed the connection unexpectedly";

/** What clients can have a server write, at every severity. */
const strangers = [
  'FATAL:  no pg_hba.conf entry for host "192.0.2.9", user "x", database "y"',
  'FATAL:  password authentication failed for user "x"',
  'FATAL:  password authentication failed for user "x FATAL:  no pg_hba.conf entry"',
  'FATAL:  role "requested WAL segment 1 has already been removed" does not exist',
  'FATAL:  database "could not start WAL streaming: ERROR: " does not exist',
  `ERROR:  invalid input syntax for type integer: "${broke}"`,
  ...["DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "LOG", "FATAL", "PANIC"].flatMap((severity) =>
    [began, broke, noEntry, finished].map((text) => text.replace(/^[A-Z]+/, severity)),
  ),
  "STATEMENT:  select 'FATAL:  could not connect to the primary server: FATAL:  no'::int",
];

const cases: readonly Omit<StreamLog, "version" | "settings">[] = [
  { name: "broken, and nobody answers", lines: [began, broke, rest, refused], kind: "broken", because: brokeSaid },
  { name: "fell silent", lines: [began, "FATAL:  terminating walreceiver due to timeout", refused], kind: "broken" },
  { name: "broken, its beginning in no log any more", lines: [broke, refused], kind: "broken" },
  {
    name: "finished",
    lines: [began, finished, "DETAIL:  End of WAL reached on timeline 1.", refused],
    kind: "finished",
  },
  { name: "finished, then broken", lines: [began, finished, broke], kind: "finished" },
  {
    name: "ended by hand at the primary, which then died",
    lines: [
      began,
      "FATAL:  could not receive data from WAL stream: FATAL:  terminating connection due to administrator command",
      "\tssl closed",
      refused,
    ],
    kind: "broken",
  },
  {
    name: "ended with a crash of the primary's",
    lines: [
      began,
      "FATAL:  could not receive data from WAL stream: WARNING:  terminating connection because of crash of another server process",
    ],
    kind: "broken",
  },
  ...[
    noEntry,
    noEntry.replace("no pg_hba.conf entry", "pg_hba.conf rejects"),
    'FATAL:  could not connect to the primary server: FATAL:  password authentication failed for user "replicator"',
    'FATAL:  streaming replication receiver "x" could not connect to the primary server: FATAL:  role "r" is not permitted to log in',
    "FATAL:  could not receive data from WAL stream: ERROR:  requested WAL segment 000000010000000000000003 has already been removed",
    'FATAL:  could not start WAL streaming: ERROR:  replication slot "server3" does not exist',
    "FATAL:  database system identifier differs between the primary and standby",
    'FATAL:  could not connect to the primary server: connection to server at "s2" failed: SSL error: certificate verify failed',
    "FATAL:  could not connect to the primary server: fe_sendauth: no password supplied",
    "FATAL:  terminating walreceiver process due to administrator command",
  ].map((line) => ({
    name: `early: ${line}`,
    lines: [began, ...(line.includes("administrator") ? [] : [broke]), line, refused],
    kind: "early" as const,
  })),
  {
    name: "answered by the second of two addresses",
    lines: [
      began,
      broke,
      refused,
      '\tconnection to server at "::1", port 5432 failed: FATAL:  no pg_hba.conf entry',
      refused,
    ],
    kind: "early",
  },
  { name: "of a stream after an answer", lines: [began, broke, noEntry, began, broke], kind: "broken" },
  {
    name: "at a timeline that it followed into the next",
    lines: [began, finished, "LOG:  restarted WAL streaming at 0/5000000 on timeline 2", broke],
    kind: "broken",
  },
  { name: "open", lines: [began, finished, began], kind: "open" },
  ...["starting up", "shutting down", "in recovery mode", "not yet accepting connections"].map((state) => ({
    name: `a primary that is ${state}`,
    lines: [
      began,
      broke,
      `FATAL:  could not connect to the primary server: FATAL:  the database system is ${state}`,
      "\tDETAIL:  Recovery is not done.",
    ],
    kind: "broken" as const,
  })),
  {
    name: "an answer in words that nobody knows",
    lines: [began, broke, "FATAL:  niemand weiß, was das heißt"],
    kind: "unknown",
    because: "FATAL: niemand weiß, was das heißt",
  },
  {
    name: "a reason for no connection that nobody knows",
    lines: [began, broke, "FATAL:  could not connect to the primary server: kapot"],
    kind: "unknown",
  },
  { name: "nothing", lines: ["LOG:  entering standby mode"], kind: "unknown" },
  {
    name: "in German",
    lines: [
      "LOG:  WAL-Streaming vom Primärserver gestartet bei 0/3000000 auf Zeitleiste 1",
      "FATAL:  konnte keine Daten vom WAL-Stream empfangen: Server beendete die Verbindung unerwartet",
      "\tDas heißt wahrscheinlich, dass der Server abnormal beendete",
      "FATAL:  konnte nicht mit dem Primärserver verbinden: Verbindung zum Server auf »192.0.2.2«, Port 5432 fehlgeschlagen: Verbindungsaufbau abgelehnt",
    ],
    kind: "broken",
  },
  {
    name: "in German, of a process whose locale has no umlauts",
    lines: [
      "FATAL:  konnte keine Daten vom WAL-Stream empfangen: Server beendete die Verbindung unerwartet",
      "WARNUNG:  irgendwas",
      "FATAL:  konnte nicht mit dem Prim?rserver verbinden: Verbindung zum Server auf >>192.0.2.2<<, Port 5432 fehlgeschlagen: Verbindungsaufbau abgelehnt",
      "FATAL:  konnte nicht mit dem Prim?rserver verbinden: Verbindung zum Server auf >>192.0.2.2<<, Port 5432 fehlgeschlagen: FATAL:  das Datenbanksystem f?hrt herunter",
    ],
    kind: "broken",
  },
  {
    name: "in French, without accents",
    lines: [
      "FATAL:  n'a pas pu recevoir des donn?es du flux de WAL : la connexion au serveur a ?t? coup?e de fa?on inattendue",
      "D?TAIL:  rien",
      "FATAL:  n'a pas pu se connecter au serveur principal : la connexion au serveur sur << 192.0.2.2 >>, port 5432 a ?chou? : Connexion refus?e",
    ],
    kind: "broken",
  },
  {
    name: "in French, and the primary lived on",
    lines: [
      "LOG:  démarré le flux des journaux depuis le principal à 0/3000000 sur la timeline 1",
      "FATAL:  n'a pas pu se connecter au serveur principal : la connexion au serveur sur « 192.0.2.2 », port 5432 a échoué : FATAL:  aucune entrée dans pg_hba.conf",
    ],
    kind: "early",
  },
];

const prefixed = (prefix: string, line: string) => (line.startsWith("\t") ? line : `${prefix}${line}`);

/** A message as csvlog writes it: 26 columns, the walreceiver's without user, database, address and transaction. */
function csv(line: string, client = false): string {
  const [, severity = "", message = ""] = /^([^:]+): {2}(.*)$/s.exec(line) ?? [];
  const who = client ? '"x","y",77,"192.0.2.9:5000",' : ",,42,,";
  const quoted = `"${message.replaceAll('"', '""')}"`;
  return `${stamp},${who}66f.2a,1,${client ? '"SELECT"' : ""},${stamp.replace(".123", "")},${client ? "3/7" : ""},0,${severity},00000,${quoted},,,,,,,,,"","${client ? "client backend" : "walreceiver"}",,0`;
}

function json(line: string, client = false): string {
  const [, severity = "", message = ""] = /^([^:]+): {2}(.*)$/s.exec(line) ?? [];
  const head = client
    ? `{"timestamp":"${stamp}","user":"x","dbname":"y","pid":77,"remote_host":"192.0.2.9","remote_port":5000,"session_id":"66f.4d","line_num":1,"ps":"SELECT","session_start":"s","vxid":"3/7","txid":0,`
    : `{"timestamp":"${stamp}","pid":42,"session_id":"66f.2a","line_num":1,"session_start":"${stamp}","txid":0,`;
  return `${head}"error_severity":"${severity}","state_code":"08006","message":${JSON.stringify(message)},"backend_type":"${client ? "client backend" : "walreceiver"}","query_id":0}`;
}

/** Lines that go on in the next, as one message. */
const whole = (lines: readonly string[]) =>
  lines
    .join("\n")
    .replaceAll("\n\t", "\u0001")
    .split("\n")
    .map((line) => line.replaceAll("\u0001", "\n"));

interface Form {
  readonly name: string;
  readonly version: Major;
  readonly settings: StreamLog["settings"];
  readonly own: (lines: readonly string[]) => readonly string[];
  readonly strange: (line: string) => string;
}

const collected = { logging_collector: "on", log_destination: "csvlog" };
const forms: readonly Form[] = [
  {
    name: "with kinds of processes",
    version: "18",
    settings: { log_line_prefix: "%m [%p] %b " },
    own: (lines) => lines.map((line) => prefixed(named, line)),
    strange: (line) => `${session}${line}`,
  },
  {
    name: "with virtual transactions and addresses",
    version: "10",
    settings: { log_line_prefix: "%m [%p] %v %r " },
    own: (lines) => lines.map((line) => prefixed(unnamed, line)),
    strange: (line) => `${stamp} [77] 3/7 192.0.2.9(5000) ${line}`,
  },
  {
    name: "csvlog",
    version: "9.6",
    settings: collected,
    own: (lines) => whole(lines).map((line) => csv(line)),
    strange: (line) => csv(line, true),
  },
  {
    name: "jsonlog",
    version: "15",
    settings: { ...collected, log_destination: "jsonlog" },
    own: (lines) => whole(lines).map((line) => json(line)),
    strange: (line) => json(line, true),
  },
];

const inForms = forms.flatMap(({ name: form, own, strange, ...rest }) =>
  cases.map(
    (one): StreamLog => ({
      ...one,
      ...rest,
      name: `${form}, among what strangers wrote: ${one.name}`,
      lines: own(one.lines)
        .flatMap((line) => [...(line.startsWith("\t") ? [] : strangers.map(strange)), line])
        .concat(strangers.map(strange)),
    }),
  ),
);

/** A forged line as a client would have to make it. */
const forgedEarly = `${named}${noEntry}`;
const plain = "%m [%p] ";
const night = [began, broke, refused].map((line) => `${named}${line}`);
const telling = { version: "18", settings: { log_line_prefix: "%m [%p] %b " } } as const;

const forged: readonly StreamLog[] = [
  {
    name: "a statement with line breaks",
    ...telling,
    lines: [
      ...night,
      `${session}ERROR:  syntax error at "x`,
      `\t${forgedEarly}`,
      `${session}STATEMENT:  select`,
      `\t${forgedEarly}`,
    ],
    kind: "broken",
  },
  { name: "a parallel worker's", ...telling, lines: [...night, `${worker}${noEntry}`], kind: "broken" },
  {
    name: "what the archive's command printed",
    ...telling,
    lines: [...night, noEntry, `cp: ${forgedEarly}`],
    kind: "broken",
  },
  {
    name: "a client's column over several lines",
    version: "15",
    settings: collected,
    lines: [...[began, broke].map((line) => csv(line)), csv(`ERROR:  x\n${csv(noEntry)}\n`, true), csv(refused)],
    kind: "broken",
  },
  {
    name: "a client's text in JSON",
    version: "15",
    settings: { ...collected, log_destination: "jsonlog" },
    lines: [...[began, broke].map((line) => json(line)), json(`ERROR:  x\n${json(noEntry)}\n`, true)],
    kind: "broken",
  },
  {
    name: "a transaction where there is no space behind it",
    version: "10",
    settings: { log_line_prefix: "%m [%p] %r%v" },
    lines: [`${stamp} [77] 3/7${began}`, `${stamp} [77] 3/7${broke}`],
    kind: "unknown",
  },
  {
    name: "a time zone that is a transaction",
    version: "10",
    settings: { log_line_prefix: "%m%r%v " },
    lines: [`${stamp}3/7 ${began}`, `${stamp}3/7 ${broke}`],
    kind: "unknown",
  },
  ...[
    plain,
    "",
    "%m [%p] %q%u@%d ",
    "%t [%p]: [%l-1] user=%u,db=%d ",
    "%a %b ",
    "%m [%p] %b %q%u ",
    "%m [%p] %d %b ",
    "%m %v ",
    "%m %r ",
  ].map(
    (prefix): StreamLog => ({
      name: `log_line_prefix ${prefix}`,
      version: "15",
      settings: { log_line_prefix: prefix },
      lines: [began, broke].map((line) => `${stamp} [42] ${line}`),
      kind: "mute",
    }),
  ),
  {
    name: "log_line_prefix of 13 at 12",
    version: "12",
    settings: { log_line_prefix: "%m [%p] %b " },
    lines: night,
    kind: "mute",
  },
  {
    name: "syslog alone",
    version: "15",
    settings: { log_destination: "syslog", log_line_prefix: "%m [%p] %b " },
    lines: night,
    kind: "mute",
  },
  {
    name: "another prefix than is declared",
    version: "15",
    settings: { log_line_prefix: "%t %b " },
    lines: night,
    kind: "unknown",
  },
  {
    name: "an application's name behind the kind",
    version: "15",
    settings: { log_line_prefix: "%m [%5p] %b [%a] %q" },
    lines: [began, broke].map((line) => `${stamp} [   42] walreceiver [] ${line}`),
    kind: "broken",
  },
  {
    name: "control characters",
    ...telling,
    lines: [`${named}${began}`, `${named}${broke}\u001b[31m`],
    kind: "broken",
    because: `${brokeSaid} [31m`,
  },
];

export const streamLogs: readonly StreamLog[] = [...inForms, ...forged];
