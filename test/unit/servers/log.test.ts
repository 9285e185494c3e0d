import { describe, expect, it } from "vitest";
import causes from "../../../postgres/data/causes.json";
import { causesIn } from "../../../servers/process/log.js";

const server = { version: "15", settings: { log_line_prefix: "%m [%p] %b " } } as const;

describe("the cause in a server's log", () => {
  it("is the known message, without time and process, with what to do", () => {
    const log = [
      "2026-11-21 10:00:00.123 UTC [42] walreceiver LOG:  started streaming WAL from primary at 0/3000000 on timeline 1",
      "2026-11-21 10:00:00.124 UTC [42] walreceiver FATAL:  could not receive data from WAL stream: ERROR:  requested WAL segment 000000010000000000000003 has already been removed",
    ].join("\n");
    expect(causesIn(log, server)).toEqual([
      {
        line: "FATAL: could not receive data from WAL stream: ERROR: requested WAL segment 000000010000000000000003 has already been removed",
        remedy:
          "its upstream no longer has the WAL that it needs: seed it again, and raise wal_keep_segments (wal_keep_size)",
        final: true,
      },
    ]);
  });

  it("is the telling one of two known messages in one line", () => {
    const line = 'FATAL:  could not connect to the primary server: FATAL:  password authentication failed for user "x"';
    expect(causesIn(line, server).map(({ remedy }) => remedy)).toEqual([
      "the passfile and the role on the upstream do not agree: run pulumi up, or check passwords in the stack",
    ]);
  });

  it.each([
    [
      "SSL error: certificate verify failed",
      "its upstream's certificate has expired, or another authority signed it: run pulumi up where the upstream is described, and check upstream.authority",
    ],
    [
      'server certificate for "192.0.2.99" (and 2 other names) does not match host name "192.0.2.2"',
      "another server answers there, or the certificate is to be made for that address: run pulumi up",
    ],
    [
      "server does not support SSL, but SSL was required",
      "its upstream runs without TLS: run pulumi up where it is described",
    ],
  ])("is why TLS failed: %s", (reason, remedy) => {
    const line = `FATAL:  could not connect to the primary server: ${reason}`;
    expect(causesIn(line, server)).toEqual([{ line: line.replace("  ", " "), remedy, final: false }]);
  });

  it.each([
    [
      'pg_hba.conf rejects replication connection for host "192.0.2.3", user "r", no encryption',
      /^a rule of its upstream/,
    ],
    ['no pg_hba.conf entry for replication connection from host "192.0.2.3", user "r"', /^its upstream's pg_hba.conf/],
    ['password authentication failed for user "r"', /^the passfile and the role/],
    ['role "r" does not exist', /^the role by which/],
    ['role "r" is not permitted to log in', /^the role by which/],
    ["must be superuser or replication role to start walsender", /^the role by which/],
    ["permission denied to start WAL sender", /^the role by which/],
  ])("is a refusal by its upstream, in its walreceiver's own words: %s", (reason, remedy) => {
    const line = `2026-11-21 10:00:00.124 UTC [42] walreceiver FATAL:  could not connect to the primary server: connection to server at "192.0.2.2", port 5432 failed: FATAL:  ${reason}`;
    const [first] = causesIn(line, { ...server, upstream: "server2" });
    expect(first).toMatchObject({ refused: true, final: false, remedy: expect.stringMatching(remedy) });
  });

  it("is its last fatal line with details and hints where the message is not known", () => {
    const log =
      "LOG:  a\nFATAL:  data directory has wrong ownership\nHINT:  The server must be started by its owner.\nLOG:  b";
    expect(causesIn(log, server)).toEqual([
      { line: "FATAL: data directory has wrong ownership", final: false },
      { line: "HINT: The server must be started by its owner.", final: false },
    ]);
  });

  it("is final only in the server's own words: a client may say the same", () => {
    const own =
      "2026-11-21 10:00:00.124 UTC [42] startup FATAL:  requested timeline 2 is not a child of this server's history";
    const forged = own.replace("startup", "client backend");
    const final = (log: string) => causesIn(log, server).map((cause) => cause.final);
    expect(final(`${own}\n${forged}\n`)).toEqual([true]);
    expect(final(`${forged}\n\t${own}\n`)).toEqual([false]);
    expect(causesIn(own, { ...server, settings: { log_line_prefix: "%m [%p] " } })).toMatchObject([{ final: false }]);
  });

  it("is none in a log of a server that works", () => {
    expect(causesIn("LOG:  database system is ready to accept connections\n", server)).toEqual([]);
  });

  const head = "2026-11-21 10:00:00.124 UTC [42]";
  it.each([
    [`${head} postmaster FATALE:  la porta è in uso`, "FATALE: la porta è in uso"],
    [`${head} startup ВАЖНО:  не удалось`, "ВАЖНО: не удалось"],
    [`${head} client backend ERREUR:  division par z?ro`, "ERREUR: division par z?ro"],
    [`${head} startup PANIK:  Etwas`, "PANIK: Etwas"],
    [`${head} startup 致命错误:  无法`, "致命错误: 无法"],
  ])("is its error or worse in any language: %s", (line, shown) => {
    const around = [
      `${head} postmaster LOG:  point de restauration « a:  b » créé`,
      `${head} startup СООБЩЕНИЕ:  система`,
      line,
      `${head} client backend D?TAIL:  rien`,
      `${head} client backend ASTUCE :  rien`,
    ];
    expect(causesIn(around.join("\n"), server)).toEqual([{ line: shown, final: false }]);
  });

  const english: Readonly<Record<keyof typeof causes, string>> = {
    removed: "requested WAL segment 1 has already been removed",
    anotherCluster: "database system identifier differs between the primary and standby",
    noTls: "server does not support SSL, but SSL was required",
    certificateFile: "could not load server certificate file",
    keyFile: "could not load private key file",
    keyMode: 'private key file "x" has group or world access',
    noRule: "no pg_hba.conf entry for replication connection",
    rejected: "pg_hba.conf rejects replication connection",
    noRole: 'connection to server failed: FATAL:  role "x" does not exist',
    noLogin: 'connection to server failed: FATAL:  role "x" is not permitted to log in',
    noReplication: "connection to server failed: FATAL:  must be superuser or replication role to start walsender",
    password: 'password authentication failed for user "x"',
    timelineBehind: "highest timeline 1 of the primary is behind recovery timeline 2",
    timelineNoChild: "requested timeline 2 is not a child of this server's history",
    timelineForked: "new timeline 2 forked off current database system timeline 1",
    floor: "hot standby is not possible because of insufficient parameter settings",
    floorEnds: "hot standby is not possible because of insufficient parameter settings",
    senders: "number of requested standby connections exceeds max_wal_senders (currently 1)",
    bind: 'could not bind IPv4 address "x"',
    connect: "could not connect to the primary server: x",
  };
  it.each(Object.keys(english) as (keyof typeof english)[])("is told alike in every language: %s", (key) => {
    const first = (text: string) => {
      const line = `${head} walreceiver FATAL:  xyz : FATAL:  ${text}`;
      const [{ line: _line, ...cause } = { line }] = causesIn(line, { ...server, upstream: "server2" });
      return cause;
    };
    const known = first(english[key]);
    expect(known).toHaveProperty("remedy");
    for (const [language, translated] of Object.entries(causes[key])) {
      const text = translated.replaceAll("%", "1");
      expect(first(text), text).toEqual(known);
      if (!["de", "es", "fr", "it", "sv"].includes(language)) continue;
      // As glibc writes it for a locale that has none of these letters.
      const plain = text
        .replaceAll("«", "<<")
        .replaceAll("»", ">>")
        .replace(/[^ -~]/g, "?");
      expect(first(plain), plain).toEqual(known);
    }
  });

  it.each([
    "FATAL:  the database system is starting up",
    "FATAL:  le système de bases de données se lance",
    "FATAL:  le syst?me de bases de donn?es se lance",
    "FATAL:  das Datenbanksystem fährt herunter",
    "ВАЖНО:  система баз данных запускается",
  ])("is not what our own asking left there, in any language: %s", (said) => {
    expect(causesIn(`${head} not initialized ${said}`, server)).toEqual([]);
  });
});
