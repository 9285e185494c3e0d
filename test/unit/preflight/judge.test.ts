import { describe, expect, it } from "vitest";
import type { HostFacts, ServerFacts } from "../../../preflight/facts.js";
import { judge } from "../../../preflight/judge.js";
import type { PreflightRequest } from "../../../preflight/request.js";
import type { Step } from "../../../preflight/way.js";
import { type Given, gigabyte, healthy, hostSpec, judged, machine, requested, seeded } from "../../support/judging.js";

describe("a healthy host", () => {
  it("is spoken of by nobody, whether its server is to be made or runs", () => {
    expect(judged({ db1: {} })).toEqual([]);
    expect(judged({ db1: { server: seeded }, db2: {} })).toEqual([]);
  });
});

describe("a server whose data come by archive", () => {
  it("is refused for as long as they are not there, or half there", () => {
    const byArchive = { byArchive: true };
    const line = (state: string) =>
      `error: db1 on db1-host: its data come by archive, and /data/pg ${state}: pgsite archive restore --stack test db1 --from FOLDER --sha256 DIGEST, then run again (docs/archive.md)`;
    expect(judged({ db1: {} }, byArchive)).toEqual([line("has none yet")]);
    expect(judged({ db1: { server: { ...seeded, incomplete: true } } }, byArchive)).toEqual([line("is not whole yet")]);
    expect(judged({ db1: { server: seeded } }, byArchive)).toEqual([]);
  });
});

describe("the way to the programs", () => {
  const step = (path: string, more: Partial<Step> = {}): Step => ({
    path,
    isLink: false,
    mode: 0o755,
    uid: 0,
    owner: "root",
    group: "root",
    ...more,
  });
  const way = (...steps: readonly Step[]) => judged({ db1: { server: { way: [step("/"), ...steps] } } });
  const everyone = (path: string) =>
    `error: db1 on db1-host: everyone may write ${path}, and so decide what runs as postgres: have the programs where only root or postgres may write (chmod o-w ${path}, or another folder as binaries)`;

  it("is nobody's but root's and the OS user's, by any links", () => {
    const own = { uid: 70, owner: "postgres", group: "postgres", mode: 0o775 };
    expect(way(step("/opt"), step("/opt/pg", own), step("/opt/pg/bin", { isLink: true, mode: 0o777 }))).toEqual([]);
    expect(way(step("/usr/local", { mode: 0o2775 }))).toEqual([]);
  });

  it("is refused where everyone may write, with a sticky bit too, and said once", () => {
    expect(way(step("/tmp", { mode: 0o1777 }), step("/tmp/bin", { mode: 0o777 }))).toEqual([everyone("/tmp")]);
    expect(way(step("/opt/pg/bin/postgres", { mode: 0o757 }))).toEqual([everyone("/opt/pg/bin/postgres")]);
  });

  it("is refused where somebody else's folder, link or program is on it", () => {
    const belongs = (path: string) =>
      `error: db1 on db1-host: ${path} belongs to mallory, who decides by it what runs as postgres: chown root ${path}, or name programs of root's or postgres's as binaries`;
    const theirs = { uid: 1001, owner: "mallory", group: "mallory" };
    expect(way(step("/home/mallory", theirs))).toEqual([belongs("/home/mallory")]);
    expect(way(step("/opt/pg", { ...theirs, isLink: true, mode: 0o777 }))).toEqual([belongs("/opt/pg")]);
    // Root by another name is root; somebody who is called root and is not, is not.
    expect(way(step("/opt/pg", { owner: "toor" }))).toEqual([]);
    expect(way(step("/opt/pg", { uid: 1001, owner: "root" }))).toHaveLength(1);
  });

  it("gets a warning where a group may write, and the rest is judged all the same", () => {
    const server = {
      way: [step("/usr/local", { mode: 0o2775, group: "staff" })],
      postgres: "postgres (PostgreSQL) 14.1",
    };
    expect(judged({ db1: { server } })).toEqual([
      "warning: db1 on db1-host: the group staff may write /usr/local, and so decide what runs as postgres: chmod g-w /usr/local, unless everyone in it may",
      "error: db1 on db1-host: /usr/lib/postgresql/15/bin/postgres is PostgreSQL 14.1, and 15 is declared: correct binaries or postgresql, or install postgresql-15",
    ]);
  });
});

describe("programs of an older minor version than is declared", () => {
  const postgres = "postgres (PostgreSQL) 15.9";
  const judgedAt = (minor: string, binDirectory: string) =>
    judged({ db1: { server: { postgres }, request: { binDirectory } } }, { minor });

  it("are warned of, where no package manager is asked about them in every preview", () => {
    expect(judgedAt("15.20", "/opt/pg/bin")).toEqual([
      "warning: db1 on db1-host: /opt/pg/bin/postgres is PostgreSQL 15.9, older than the declared 15.20: install 15.20, and run pulumi up, which restarts the servers in their order; or correct postgresql",
    ]);
    expect(judgedAt("15.9", "/opt/pg/bin")).toEqual([]);
    expect(judgedAt("15.20", "/usr/lib/postgresql/15/bin")).toEqual([]);
  });
});

describe("one thing wrong", () => {
  const cases: readonly (readonly [string, Given, Partial<PreflightRequest>, string])[] = [
    [
      "an OS user that is missing",
      { host: { userExists: false, user: "root" } },
      {},
      "error: db1-host: there is no OS user postgres: make it (useradd --system --create-home --shell /bin/sh postgres), or name another as osUser",
    ],
    [
      "a host where we are somebody else",
      { host: { user: "admin" } },
      {},
      "error: db1-host: pgsite is admin there: it must be postgres, the declared osUser",
    ],
    [
      "programs in which no version is written, in a preview",
      { server: { postgres: "nothing" } },
      {},
      "warning: db1 on db1-host: no version is written in /usr/lib/postgresql/15/bin/postgres, and nothing that a stack file names is run before an up: if it is not what you mean, repair or reinstall postgresql-15",
    ],
    [
      "programs that do not run, in an up",
      { server: { postgres: "postgres: error while loading shared libraries: libssl.so.1.1", ran: true } },
      {},
      "error: db1 on db1-host: /usr/lib/postgresql/15/bin/postgres does not run (postgres: error while loading shared libraries: libssl.so.1.1): repair or reinstall postgresql-15",
    ],
    [
      "server programs that are missing, and that apt has",
      { server: { postgres: undefined as never, missingPrograms: ["postgres"] }, host: { candidate: "15.8-0" } },
      {},
      "error: db1 on db1-host: there is no PostgreSQL 15 in /usr/lib/postgresql/15/bin: apt-get install postgresql-15 (without a cluster: create_main_cluster = false), or say install: packages",
    ],
    [
      "server programs that are missing, and that apt does not have",
      { server: { postgres: undefined as never } },
      {},
      "error: db1 on db1-host: there is no PostgreSQL 15 in /usr/lib/postgresql/15/bin: its package sources have no postgresql-15: add those of the PostgreSQL project (PGDG), or name the folder that has the programs as binaries",
    ],
    [
      "server programs that are missing where packages put none",
      { server: { postgres: undefined as never }, request: { binDirectory: "/opt/pg/bin" } },
      { install: true },
      "error: db1 on db1-host: there is no PostgreSQL 15 in /opt/pg/bin: name the folder that has them as binaries; postgresql-15 puts them into /usr/lib/postgresql/15/bin",
    ],
    [
      "server programs that are elsewhere, where a layout has them",
      {
        server: { postgres: undefined as never },
        host: {
          programs: [
            { version: "14.2", folder: "/usr/bin" },
            { version: "15.3", folder: "/usr/pgsql-15/bin" },
          ],
        },
      },
      {},
      "error: db1 on db1-host: there is no PostgreSQL 15 in /usr/lib/postgresql/15/bin: PostgreSQL 15.3 is in /usr/pgsql-15/bin: say binaries: /usr/pgsql-15/bin, or layout: pgdg where the server stands as that has it",
    ],
    [
      "server programs that are where nobody would look",
      {
        server: { postgres: undefined as never },
        host: { programs: [{ version: "15.3", folder: "/srv/pg/bin" }] },
      },
      {},
      "error: db1 on db1-host: there is no PostgreSQL 15 in /usr/lib/postgresql/15/bin: PostgreSQL 15.3 is in /srv/pg/bin: say binaries: /srv/pg/bin",
    ],
    [
      "a folder for configuration that cannot be made",
      {
        host: { root: { can: false, why: "" } },
        server: {
          configuration: [
            {
              path: "/etc/postgresql/15/main",
              found: "absent",
              owner: "-",
              parent: { path: "/etc", owner: "root", writable: false, way: [] },
            },
          ],
        },
      },
      {},
      "error: db1 on db1-host: postgres cannot make /etc/postgresql/15/main (/etc belongs to root): install -d -o postgres -m 0755 /etc/postgresql/15/main",
    ],
    [
      "a folder for included files that is root's",
      {
        server: {
          configuration: [
            {
              path: "/data/pg/conf.d",
              found: "closed",
              owner: "root",
              parent: { path: "/data/pg", owner: "postgres", writable: true, way: [] },
            },
          ],
        },
      },
      {},
      "error: db1 on db1-host: /data/pg/conf.d, where configuration of the server is, belongs to root and is closed to postgres: chown postgres /data/pg/conf.d",
    ],
    [
      "what Debian's own start reads, where it is not what starts the server",
      { host: { manager: "sysv" }, server: { startFiles: ["/etc/postgresql/15/main/environment"] } },
      {},
      "warning: db1 on db1-host: /etc/postgresql/15/main/environment is read by Debian's own start alone, which pgsite does not use here (it starts the server by pg_ctl): put what it says where any start finds it: settings into the stack file, and nothing else is taken",
    ],
    [
      "a distribution's unit without root",
      { host: { root: { can: false, why: "it is not root" } }, request: { unit: "postgresql@15-main" } },
      {},
      "warning: db1 on db1-host: postgresql@15-main.service, by which its distribution starts db1, takes root (it is not root): pgsite stops and starts the server by pg_ctl, and systemd counts it as stopped from then on, until it is started by systemctl or with its machine: let sudo make it root too (visudo: LOGIN ALL=(root, postgres) NOPASSWD: /bin/sh), or log in as root (hosts.db1-host.login: root)",
    ],
    [
      "a system whose packages pgsite only knows by name",
      {
        server: { postgres: undefined as never },
        host: { system: { id: "rocky", like: ["rhel", "centos", "fedora"], name: "Rocky Linux 9" } },
        request: { binDirectory: "/usr/pgsql-15/bin" },
      },
      { install: true },
      "error: db1 on db1-host: there is no PostgreSQL 15 in /usr/pgsql-15/bin: dnf install postgresql15-server (pgsite itself installs with apt alone)",
    ],
    [
      "server programs of another version",
      { server: { postgres: "postgres (PostgreSQL) 14.11" } },
      {},
      "error: db1 on db1-host: /usr/lib/postgresql/15/bin/postgres is PostgreSQL 14.11, and 15 is declared: correct binaries or postgresql, or install postgresql-15",
    ],
    [
      "a program that pgsite needs",
      { host: { missingTools: ["flock"] } },
      {},
      "error: db1-host: flock is missing: apt-get install util-linux",
    ],
    [
      "a program that only makes base backups better",
      { host: { missingTools: ["rsync"] } },
      {},
      "warning: db1-host: rsync is missing: a base backup that is cut off begins anew: apt-get install rsync",
    ],
    [
      "a host without /proc",
      { host: { missingTools: ["/proc"] } },
      {},
      "error: db1-host: /proc is not there: nobody can say which servers run: mount it (mount -t proc proc /proc)",
    ],
    [
      "a parent that is closed where pgsite is not root",
      {
        host: { root: { can: false, why: "" } },
        server: { parent: { path: "/data", owner: "root", writable: false, way: [] } },
      },
      {},
      "error: db1 on db1-host: postgres cannot make /data/pg and /data/pg.pgsite (/data belongs to root): install -d -o postgres -m 0700 /data/pg /data/pg.pgsite",
    ],
    [
      "a folder of sockets that is somebody else's",
      { server: { sockets: [{ path: "/srv/run", found: "closed", at: "/srv/run", owner: "www-data" }] } },
      {},
      "error: db1 on db1-host: /srv/run is to hold the server's socket, belongs to www-data and is closed to postgres; pgsite leaves it as it is: declare another unix_socket_directories, or open it to postgres",
    ],
    [
      "a folder of sockets that cannot be made",
      { server: { sockets: [{ path: "/srv/run", found: "closed", at: "/srv", owner: "www-data" }] } },
      {},
      "error: db1 on db1-host: /srv/run is to hold the server's socket, and postgres cannot make it (/srv belongs to www-data): install -d -o postgres -m 0755 /srv/run",
    ],
    [
      "a folder of sockets that is none",
      { server: { sockets: [{ path: "/srv/run", found: "other", at: "/srv/run", owner: "-" }] } },
      {},
      "error: db1 on db1-host: /srv/run is to hold the server's socket, and /srv/run is no folder: move that away, or declare another unix_socket_directories",
    ],
    [
      "a link to nothing",
      { server: { data: "dangling" } },
      {},
      "error: db1 on db1-host: /data/pg is a link to nothing: mount what it points to, or remove it",
    ],
    [
      "a folder that is closed to the OS user, whatever it holds",
      { server: { data: "unreadable", owner: "root", mode: 0o700 } },
      {},
      "error: db1 on db1-host: /data/pg belongs to root and is closed to postgres: look what it holds: move that away or declare another dataDirectory; an empty folder is given to the server with chown postgres /data/pg",
    ],
    [
      "data of another",
      { server: { data: "filled", owner: "postgres", mode: 0o700 } },
      {},
      "error: db1 on db1-host: /data/pg on db1-host, the data directory of db1, is not empty and was not made by pgsite for this server: it is left untouched. Move it away, or declare another dataDirectory",
    ],
    [
      "a data directory that its group may write",
      { server: { ...seeded, mode: 0o770 } },
      {},
      "error: db1 on db1-host: /data/pg has mode 0770: a server refuses to start there: chmod 0700 /data/pg",
    ],
    [
      "data of a newer major version",
      { server: { ...seeded, dataVersion: "16" } },
      {},
      "warning: db1 on db1-host: /data/pg holds data of PostgreSQL 16, and 15 is declared: declare 16 again: no way leads back to an older version",
    ],
    [
      "NFS",
      { server: { disk: { ...healthy.disk, type: "nfs" } } },
      {},
      "error: db1 on db1-host: /data/pg lies on NFS, where PostgreSQL's data is not safe: what it has synced may not be on a disk: choose a dataDirectory on a local disk",
    ],
    [
      "memory as a disk",
      { server: { disk: { ...healthy.disk, type: "tmpfs" } } },
      {},
      "warning: db1 on db1-host: /data/pg lies on memory (tmpfs): a reboot empties it: choose a dataDirectory on a local disk",
    ],
    [
      "a disk that is too small for what is to come",
      {},
      { expectedGrowth: 730 * gigabyte },
      "error: db1 on db1-host: /data/pg has 100 GB free, and 730 GB are needed (730 GB for the expected growth): make room, or move dataDirectory to a larger disk",
    ],
    [
      "a port that another has",
      { server: { listeners: [{ address: "0.0.0.0", user: "www", processes: [7, 8], program: "nginx" }] } },
      {},
      "error: db1 on db1-host: port 5442 is taken by nginx (process 7 of www) on 0.0.0.0: stop it, or declare another port for db1",
    ],
    [
      "a port that somebody has whom we cannot see",
      { server: { listeners: [{ address: "::", user: "root", processes: [], program: "" }] } },
      {},
      "error: db1 on db1-host: port 5442 is taken by a process of root on ::: stop it, or declare another port for db1",
    ],
    [
      "a port whose socket a server has that listens elsewhere",
      {
        server: {
          sockets: [
            {
              path: "/run/pg",
              found: "open",
              at: "/run/pg",
              owner: "postgres",
              holder: { process: 7, user: "postgres", dataDirectory: "/old" },
            },
          ],
        },
      },
      {},
      "error: db1 on db1-host: the socket /run/pg/.s.PGSQL.5442 is taken by the server of /old (process 7 of postgres): stop it, or declare another port for db1",
    ],
    [
      "a distribution's cluster that starts with the machine",
      { host: { clusters: [{ version: "15", name: "main", dataDirectory: "/old", port: 5442, start: "auto" }] } },
      {},
      "warning: db1 on db1-host: the cluster 15/main, which does not run, starts with the machine and takes port 5442 then: if nothing in it is needed: pg_dropcluster --stop 15 main, else echo manual >/etc/postgresql/15/main/start.conf; or declare another port for db1",
    ],
    [
      "a clock that is off against ours",
      { host: { clock: { ahead: -40, uncertainty: 0.1 } } },
      {},
      "warning: db1-host: its clock is 40 s behind this machine's, where pgsite runs: let chrony or ntpd set both",
    ],
    [
      "a locale that is missing",
      {},
      { locales: ["C", "de_DE.UTF-8", "en_US.UTF-8"] },
      "error: db1-host: the locale de_DE.UTF-8 is not there: apt-get install locales, uncomment de_DE.UTF-8 in /etc/locale.gen, locale-gen, or declare one of: C, C.utf8, POSIX, en_US.utf8",
    ],
    [
      "more shared buffers than memory",
      { request: { settings: { shared_buffers: "16GB" } } },
      {},
      "error: db1 on db1-host: shared_buffers takes 17.2 GB, and of 8 GB of memory 6 GB are available: declare less: a quarter of the memory is usual",
    ],
    [
      "huge pages that nobody has set aside",
      { request: { settings: { shared_buffers: "1GB", huge_pages: "on" } } },
      {},
      "error: db1 on db1-host: huge_pages is on and takes about 535 pages, of which 0 are free: sysctl -w vm.nr_hugepages=589 (and in /etc/sysctl.d), or declare huge_pages: try",
    ],
    [
      "an old kernel's limit of shared memory",
      {
        server: { postgres: "postgres (PostgreSQL) 9.0.3" },
        host: { kernel: { ...machine.kernel, shmmax: 2 ** 25 } },
        request: { settings: { shared_buffers: "32MB" } },
      },
      { version: "9.0" },
      "error: db1 on db1-host: kernel.shmmax is 33554432, and the server's shared memory takes about 37225720: sysctl -w kernel.shmmax=40948292 (and in /etc/sysctl.d), or declare a smaller shared_buffers",
    ],
    [
      "too few semaphores",
      {
        server: { postgres: "postgres (PostgreSQL) 9.0.3" },
        host: { kernel: { ...machine.kernel, semaphoreSets: 128, usedSemaphoreSets: 110 } },
        request: { settings: { max_connections: "400" } },
      },
      { version: "9.0" },
      "error: db1 on db1-host: the kernel's semaphores do not suffice: of SEMMNI 128, 110 are taken (26 needed): raise kernel.sem with sysctl (and in /etc/sysctl.d), or declare a smaller max_connections",
    ],
    [
      "few open files",
      { host: { openFiles: 256 } },
      {},
      "warning: db1 on db1-host: postgres may open 256 files (ulimit -n), and max_files_per_process is 1000: raise nofile of postgres in /etc/security/limits.conf (LimitNOFILE of a service), or declare less",
    ],
  ];

  it.each(cases)("%s is one line with cause and remedy", (_name, given, request, expected) => {
    expect(judged({ db1: given }, request)).toEqual([expected]);
  });
});

describe("the program by which a guard asks", () => {
  const lacking = { host: { missingTools: ["psql"] } };
  it("is missed where a server has others, and its data are to last", () => {
    expect(judged({ db1: lacking, db2: {} })).toEqual([
      "warning: db1-host: psql is missing: a primary cannot ask the others whether it was superseded, so its guard does not let it start by itself while one of them lives: apt-get install postgresql-client-15",
    ]);
    expect(judged({ db1: lacking })).toEqual([]);
    const disposable = { request: { disposable: true } };
    expect(judged({ db1: { ...lacking, ...disposable }, db2: disposable })).toEqual([]);
  });

  it("comes with the server's package", () => {
    const without = { host: { ...lacking.host, candidate: "15.8" }, server: { postgres: undefined as never } };
    expect(judged({ db1: without, db2: {} }, { install: true })).toEqual([]);
    expect(judged({ db1: without, db2: {} }).join()).not.toContain("psql is missing");
  });
});

describe("what takes root", () => {
  const login = { user: "guest", sudo: ["(postgres) NOPASSWD: /bin/sh"] };
  const asGuest = { root: { can: false, why: "refused", login } } as const;
  const service = (manager: "auto" | "systemd" | "sysv" | "crontab" | "none") => ({
    service: { name: "orders", manager },
  });
  const asked = (host: Partial<HostFacts>, manager: Parameters<typeof service>[0] = "auto", server = {}) =>
    judged({ db1: { host: { ...asGuest, ...host }, server, request: service(manager) } });
  const itself = "(it logs in as guest, and sudo lets it use (postgres) NOPASSWD: /bin/sh alone)";
  const ways =
    "let sudo make it root too (visudo: guest ALL=(root, postgres) NOPASSWD: /bin/sh), or log in as root (hosts.db1-host.login: root)";
  const unit = `db1 on db1-host: orders, a systemd unit that starts it with its machine, takes root ${itself}`;

  it("is a service that is made, where nothing of the OS user's does instead", () => {
    expect(asked({ crontab: "missing" })).toEqual([
      `error: ${unit}: ${ways}; or say service.manager: none, and it comes back by hand`,
    ]);
    expect(asked({}, "systemd")).toEqual([
      `error: ${unit}: ${ways}; or say service.manager: crontab, and postgres's own crontab starts it`,
    ]);
    expect(asked({})).toEqual([
      `warning: ${unit}: a line in postgres's crontab (@reboot) starts it in its place, and nobody stops it in order at a shutdown: ${ways}; service.manager: crontab says that it is meant`,
    ]);
    expect(asked({}, "auto", { startsAtBoot: true })).toEqual([]);
    for (const nothing of [
      asked({}, "none"),
      asked({}, "crontab"),
      asked({ manager: "none" }),
      judged({ db1: { host: asGuest } }),
    ])
      expect(nothing).toEqual([]);
    expect(asked({ root: { can: true } }, "systemd")).toEqual([]);
  });

  it("is not a crontab, which takes a cron that runs and lets the OS user have one", () => {
    for (const [crontab, why] of [
      ["stopped", "no cron runs"],
      ["refused", "postgres may have no crontab"],
      ["missing", "there is no cron"],
    ] as const) {
      expect(asked({ crontab }, "crontab")).toEqual([
        `error: db1 on db1-host: db1 is to be started with its machine by postgres's crontab, and ${why}: install and start cron (and see /etc/cron.allow), or declare another service.manager`,
      ]);
    }
  });

  it("is an installation of packages", () => {
    const install = (host: Partial<HostFacts>) =>
      judged({ db1: { host: { missingTools: ["flock"], ...host } } }, { install: true });
    expect(install(asGuest)).toEqual([
      `error: db1-host: installing util-linux takes root ${itself}: ${ways}; or install by hand, without install: packages`,
    ]);
    expect(install({})).toEqual([]);
    expect(judged({ db1: { host: asGuest } }, { install: true })).toEqual([]);
  });
});

describe("the way that SQL takes", () => {
  const noPerl = { missingTools: ["perl"] };
  const forwarding = (is: "open" | "forbidden" | "unknown") =>
    ({ by: "forwarding", to: { address: "127.0.0.1", port: 5442 }, is }) as const;
  const tcp = (is: "answered" | "refused" | "silent" | "noWay", from = "192.0.2.9") =>
    ({ by: "tcp", to: { address: "192.0.2.1", port: 5442 }, is, from }) as const;
  const rules = (...lines: readonly string[]) => ({
    host: { ...hostSpec("db1-host"), sessions: "direct" as const },
    direct: { administrator: "dbadmin", rules: `${lines.join("\n")}\n` },
  });
  const itsRule = "host all dbadmin 192.0.2.9/32 md5";
  const here = (line: string) => expect.stringContaining(`db1 on db1-host: ${line}`);

  it("is through SSH or by perl: one of them is enough, and without perl there is a warning", () => {
    expect(judged({ db1: { server: { reached: forwarding("forbidden") } } })).toEqual([]);
    const helpless = here("perl is missing: a server that no longer lets pgsite's administrator in");
    for (const is of ["open", "unknown"] as const) {
      expect(judged({ db1: { host: noPerl, server: { reached: forwarding(is) } } })).toEqual([helpless]);
    }
    expect(judged({ db1: { host: noPerl, server: { reached: forwarding("forbidden") } } })).toEqual([
      expect.stringMatching(/^error: .*: SQL gets there neither .* to forward to 127\.0\.0\.1:5442\) nor by perl/),
    ]);
    const promised = { install: true };
    expect(judged({ db1: { host: noPerl, server: { reached: forwarding("forbidden") } } }, promised)).toEqual([]);
  });

  it("is no container's, and of this machine takes perl alone", () => {
    const at = (transport: "docker" | "local") => ({ host: { ...hostSpec("db1-host"), transport } });
    expect(judged({ db1: { host: noPerl, request: at("docker") } })).toEqual([]);
    expect(judged({ db1: { host: noPerl, request: at("local") } })).toEqual([here("perl is missing")]);
  });

  it("is by TCP where the stack says so, and then the port must answer this machine", () => {
    const asked = (is: Parameters<typeof tcp>[0], server: Partial<ServerFacts> = {}) =>
      judged({ db1: { server: { ...server, reached: tcp(is) }, request: rules(itsRule) } });
    const why = "and hosts.db1-host.sessions: direct has its SQL go there: open it in the firewall";
    expect(asked("answered")).toEqual([]);
    expect(asked("refused")).toEqual([]);
    expect(asked("silent")).toEqual([here(`port 5442 of 192.0.2.1 does not answer this machine within 2 s, ${why}`)]);
    expect(asked("noWay")).toEqual([here(`port 5442 of 192.0.2.1 is not to be reached from this machine, ${why}`)]);
    const own = { address: "192.0.2.1", user: "postgres", processes: [99], program: "postgres" };
    const listens = { ...seeded, postmaster: 99, listeners: [own] };
    expect(asked("refused", listens)).toEqual([here("port 5442 of 192.0.2.1 is refused to this machine, though")]);
  });

  it("is by TCP, and then a rule must let the administrator in from this machine", () => {
    const asked = (...lines: readonly string[]) =>
      judged({ db1: { server: { reached: tcp("refused") }, request: rules(...lines) } });
    const perhaps = here("no access rule lets dbadmin in from 192.0.2.9, if that is how this machine comes to it, and");
    expect(asked(itsRule)).toEqual([]);
    expect(asked("host all all 192.0.2.0 255.255.255.0 md5")).toEqual([]);
    expect(asked("host all dbadmin 192.0.2.8/32 md5")).toEqual([perhaps]);
    expect(asked("host all dbadmin 192.0.2.0/24 reject", itsRule)).toEqual([perhaps]);
    expect(asked("host all dbadmin 127.0.0.1/32 md5", "local all all peer")).toEqual([
      "error: db1 on db1-host: no access rule lets dbadmin in from 192.0.2.9, and hosts.db1-host.sessions: direct has SQL come from there: a rule for it in access (host all dbadmin 192.0.2.9/32 METHOD), or take that key away: SQL goes through SSH then",
    ]);
  });
});

describe("what is promised or there already", () => {
  it("is no problem where pgsite installs it", () => {
    const bare: Given = {
      host: { userExists: false, user: "root", candidate: "15.8-0", missingTools: ["flock", "rsync"] },
      server: { postgres: undefined as never, missingPrograms: ["postgres", "initdb", "pg_ctl"] },
    };
    expect(judged({ db1: bare }, { install: true })).toEqual([]);
    expect(judged({ db1: { ...bare, host: { ...bare.host, candidate: undefined } } }, { install: true })).toEqual([
      expect.stringMatching(/^warning: .* have no postgresql-15: pgsite reads them again before it installs/),
    ]);
  });

  it("is no problem in the way of the server that runs there", () => {
    const own = { address: "192.0.2.1", user: "postgres", processes: [99], program: "postgres" };
    const running = { ...seeded, postmaster: 99, listeners: [own] };
    const asking = { listen_addresses: "*", shared_buffers: "7GB", huge_pages: "on" };
    expect(judged({ db1: { server: running, request: { settings: asking } } })).toEqual([]);
  });

  it("is no problem where a listener is on another address", () => {
    const elsewhere = { address: "127.0.0.9", user: "www", processes: [1], program: "nginx" };
    const settings = { listen_addresses: "192.0.2.1" };
    expect(judged({ db1: { server: { listeners: [elsewhere] }, request: { settings } } })).toEqual([]);
  });

  it("says nothing of tmpfs where data may go", () => {
    const server = { disk: { ...healthy.disk, type: "tmpfs" } };
    expect(judged({ db1: { server, request: { disposable: true } } })).toEqual([]);
  });
});

describe("hosts against each other", () => {
  const full = { ...healthy.disk, free: 6 * gigabyte };

  it("need the space of the largest data there is, and of growth what is still to come", () => {
    expect(judged({ db1: { server: seeded }, db2: { server: { disk: full } } })).toEqual([
      "error: db2 on db2-host: /data/pg has 6 GB free, and 10 GB are needed (10 GB for the base backup from db1): make room, or move dataDirectory to a larger disk",
    ]);
    expect(judged({ db1: { server: { ...seeded, disk: full } } }, { expectedGrowth: 15 * gigabyte })).toEqual([]);
    expect(judged({ db1: { server: { ...seeded, disk: full } } }, { expectedGrowth: 17 * gigabyte })).toHaveLength(1);
  });

  it("share a file system where they are one machine, and take no space where it shares blocks", () => {
    const one = { machine: "local:here" };
    const disk = { ...healthy.disk, free: 15 * gigabyte };
    const three = (type: string): Record<string, Given> => ({
      db1: { host: one, server: { ...seeded, disk: { ...disk, type } } },
      db2: { host: one, server: { disk: { ...disk, type } } },
      db3: { host: one, server: { disk: { ...disk, type } } },
    });
    expect(judged(three("ext2/ext3"))).toEqual([
      "error: db3 on db3-host: /data/pg has 15 GB free, and 20 GB are needed (20 GB for the base backup of db2 and db3 from db1): make room, or move dataDirectory to a larger disk",
    ]);
    expect(judged(three("xfs"))).toEqual([]);
  });

  it("must be of one architecture", () => {
    const platform = { ...machine.platform, machine: "aarch64" };
    expect(judged({ db1: { server: seeded }, db2: { host: { platform } } })).toEqual([
      "error: db2-host: it is aarch64, 64 bits, little-endian, and db1-host is x86_64, 64 bits, little-endian: neither can be a standby of the other: use machines of one architecture, or logical replication",
    ]);
  });

  it("should sort alike, unless all sorting is by bytes", () => {
    const old: Record<string, Given> = {
      db1: { server: seeded },
      db2: { host: { platform: { ...machine.platform, libc: "glibc 2.17" } } },
    };
    expect(judged(old)).toEqual([]);
    expect(judged(old, { locales: ["en_US.UTF-8"] })).toEqual([
      "warning: db2-host: it has glibc 2.17, and db1-host glibc 2.36: text may sort differently there, so that indexes on text are corrupt on one of them: bring both to one release of the system, or use the locale C",
    ]);
  });

  it("must agree on the time, by what is certain of the difference", () => {
    const ahead = (seconds: number, uncertainty = 0.05) => ({ host: { clock: { ahead: seconds, uncertainty } } });
    expect(judged({ db1: {}, db2: ahead(1.9) })).toEqual([]);
    expect(judged({ db1: {}, db2: ahead(4, 3) })).toEqual([]);
    expect(judged({ db1: {}, db2: ahead(4) })).toEqual([
      "warning: db2-host: its clock is 4.0 s ahead of db1-host's: let chrony or ntpd set both",
    ]);
    expect(judged({ db1: {}, db2: ahead(-31) })).toEqual([
      "error: db2-host: its clock is 31 s behind db1-host's: let chrony or ntpd set both",
    ]);
    expect(judged({ db1: {}, db2: ahead(0, Number.POSITIVE_INFINITY) })).toEqual([]);
  });

  it("that cannot be reached are one line each, and another stack's is only a warning", () => {
    const servers = [requested("db1"), requested("db2")];
    const source = { name: "head", host: hostSpec("head-host"), dataDirectory: "/data/pg" };
    const request: PreflightRequest = {
      site: "orders",
      stack: "test",
      version: "15",
      locales: ["C"],
      install: false,
      servers,
      source,
    };
    const unreachable = [...servers, source].map(({ host }) => ({
      host,
      unreachable: `${host.name} cannot be reached: no route to host`,
    }));
    expect(judge(request, unreachable).map(({ severity, message }) => `${severity}: ${message}`)).toEqual([
      "error: db1-host cannot be reached: no route to host",
      "error: db2-host cannot be reached: no route to host",
      "warning: head-host cannot be reached: no route to host",
    ]);
  });
});
