import { describe, expect, it } from "vitest";
import type { Step } from "../../../../postgres/rollout/model.js";
import { toAsk, withoutUnapproved } from "../../../../postgres/start/asked.js";
import { judgeStart, type Starting } from "../../../../postgres/start/judge.js";
import type { NetworkFacts, StartFacts } from "../../../../postgres/start/model.js";
import { lineHead, overridesOf } from "../../../../postgres/start/overrides.js";
import { recoveryTargetOf } from "../../../../postgres/start/recoveryTarget.js";
import { cannotStartInWords } from "../../../../servers/words/start.js";

const megabyte = 1024 * 1024;
const gigabyte = 1024 * megabyte;

const quiet: NetworkFacts = {
  taken: [],
  names: {},
  anywhere: false,
  own: ["127.0.0.0/8", "10.0.0.2/32"],
  unprivileged: 1024,
};

function starting(settings: Starting["settings"] = {}, more: Partial<Starting> = {}): Starting {
  return {
    version: "15",
    settings,
    listening: { port: 5432, address: "10.0.0.2", addresses: "localhost, 10.0.0.2" },
    folders: { data: "/srv/data", configuration: "/etc/server" },
    ...more,
  };
}

function facts(more: Partial<StartFacts> = {}): StartFacts {
  return {
    passed: true,
    log: line("DEBUG", "00000", `invoking IpcMemoryCreate(size=${150 * megabyte})`),
    scratch: "/srv/data.pgsite/dry-start/Xy",
    memory: { hugePages: [], held: 0, heldHuge: 0, overcommit: 0, total: 4 * gigabyte, swap: gigabyte },
    network: quiet,
    folders: {},
    socketsTaken: {},
    ...more,
  };
}

const line = (level: string, state: string, text: string) => `${lineHead}${level}:  ${state}: ${text}\n`;

describe("what a dry start brought to light", () => {
  it("is nothing where the postmaster got past its checks, whatever the startup process said then", () => {
    const log = `${facts().log}${line("FATAL", "22023", "must specify restore_command when standby mode is not enabled")}`;
    expect(judgeStart(starting(), facts({ log }))).toEqual([]);
  });

  it("is the program's own words: errors in files, the fatal line, and what it says before it has a log", () => {
    const log = [
      line("LOG", "00000", "starting PostgreSQL"),
      line("LOG", "F0000", 'invalid authentication method "quatsch"'),
      `${lineHead}CONTEXT:  line 7 of configuration file "/srv/data.pgsite/dry-start/Xy/conf/pg_hba.conf"\n`,
      `${lineHead}LOCATION:  parse_hba_line, hba.c:1500\n`,
      line("FATAL", "XX000", "could not load /srv/data.pgsite/dry-start/Xy/conf/pg_hba.conf"),
      "postgres: superuser_reserved_connections (100) must be less than max_connections (30)\n",
    ].join("");
    expect(judgeStart(starting(), facts({ passed: false, exitCode: 1, log }))).toEqual([
      {
        code: "refused",
        said: [
          'LOG: invalid authentication method "quatsch"; line 7 of configuration file "/etc/server/pg_hba.conf"',
          "FATAL: could not load /etc/server/pg_hba.conf",
          "postgres: superuser_reserved_connections (100) must be less than max_connections (30)",
        ],
      },
    ]);
  });

  it("is what an extension takes no notice of, of what is declared", () => {
    const log = [
      line("WARNING", "22023", 'invalid value for parameter "ext.max": "5OOO"'),
      line("WARNING", "42602", 'invalid configuration parameter name "ext.tracck", removing it'),
      line("WARNING", "01000", 'something else about "ext.max"'),
      line("WARNING", "22023", 'invalid value for parameter "other.max": "5OOO"'),
    ].join("");
    expect(judgeStart(starting({ "ext.max": "5OOO", "Ext.Tracck": "all" }), facts({ log }))).toEqual([
      {
        code: "ignored",
        said: [
          'WARNING: invalid value for parameter "ext.max": "5OOO"',
          'WARNING: invalid configuration parameter name "ext.tracck", removing it',
        ],
      },
    ]);
  });

  it("is a refusal without words where the program crashed, and nothing where it came to no end in time, or never ran", () => {
    const crashed = judgeStart(starting(), facts({ passed: false, exitCode: 139, log: "" }));
    expect(crashed).toEqual([{ code: "refused", said: [], exitCode: 139 }]);
    expect(cannotStartInWords("server2", crashed)).toContain("ends with exit code 139 and says nothing");
    expect(judgeStart(starting(), facts({ passed: false, exitCode: 124, late: true, log: "" }))).toEqual([]);
    expect(judgeStart(starting(), facts({ passed: false, log: "" }))).toEqual([]);
  });
});

describe("shared memory", () => {
  const short = (
    settings: Starting["settings"],
    memory: Partial<StartFacts["memory"]>,
    version: Starting["version"] = "15",
  ) => judgeStart(starting(settings, { version }), facts({ memory: { ...facts().memory, ...memory } }));

  it("may be as much as memory and swap: what others use is no reason", () => {
    expect(short({ shared_buffers: "4GB" }, {})).toEqual([]);
    expect(short({ shared_buffers: "5GB" }, {})).toEqual([
      { code: "memory", needs: 5 * gigabyte + 22 * megabyte, has: 5 * gigabyte, limit: "machine" },
    ]);
    expect(short({ shared_buffers: "50GB" }, { overcommit: 1 })).toEqual([]);
  });

  it("of the server that runs counts as free where the kernel adds up", () => {
    const full = { overcommit: 2, commitLimit: 4 * gigabyte, committed: 3 * gigabyte };
    expect(short({ shared_buffers: "2GB" }, full)).toMatchObject([{ code: "memory", limit: "commit" }]);
    expect(short({ shared_buffers: "2GB" }, { ...full, held: 2 * gigabyte })).toEqual([]);
  });

  it("in huge pages needs as many as are free, and those of the server that runs", () => {
    const settings = { shared_buffers: "256MB", huge_pages: "on" };
    const pool = { size: 2 * megabyte, free: 100, reserved: 10, surplus: 0 };
    const pages = { hugePageSize: 2 * megabyte, hugePages: [pool] };
    expect(short(settings, pages)).toEqual([{ code: "hugePages", needs: 139, has: 90, size: 2 * megabyte }]);
    expect(short(settings, { ...pages, heldHuge: 98 * megabyte })).toEqual([]);
    expect(short({ ...settings, huge_pages: "try" }, pages)).toEqual([]);
    expect(short(settings, {})).toEqual([{ code: "hugePages", needs: 0, has: 0, size: 0 }]);
    // A pool that is there for another size is none.
    expect(short({ ...settings, huge_page_size: "1GB" }, pages)).toMatchObject([{ has: 0, size: gigabyte }]);
  });

  it("of System V is bounded by kernel.shmmax: until 9.2 always", () => {
    const memory = { shmmax: 32 * megabyte };
    expect(short({ shared_buffers: "64MB" }, memory, "9.2")).toMatchObject([{ code: "memory", limit: "segment" }]);
    expect(short({ shared_buffers: "64MB" }, memory)).toEqual([]);
    expect(short({ shared_buffers: "64MB", shared_memory_type: "sysv" }, memory)).toMatchObject([{ limit: "segment" }]);
  });

  it("that does not fit beside the server that runs is no word of the program's", () => {
    const log = `${facts().log}${line("FATAL", "XX000", "could not map anonymous shared memory: Cannot allocate memory")}`;
    expect(judgeStart(starting(), facts({ passed: false, exitCode: 1, log }))).toEqual([]);
  });
});

describe("where a server listens", () => {
  const listen = (network: Partial<NetworkFacts>, listening: Partial<Starting["listening"]> = {}) =>
    judgeStart(
      starting({}, { listening: { ...starting().listening, ...listening } }),
      facts({ network: { ...quiet, ...network } }),
    );

  it("another may listen on another address or port", () => {
    expect(
      listen({
        taken: [
          { address: "10.0.0.3", port: 5432 },
          { address: "10.0.0.2", port: 5433 },
        ],
      }),
    ).toEqual([]);
    expect(listen({ taken: [{ address: "::", port: 5432 }] })).toEqual([]);
  });

  it("nobody else may on the one by which others come, or on all", () => {
    const taken = { code: "listen", port: 5432, addresses: [{ address: "10.0.0.2", why: "taken" }] };
    expect(listen({ taken: [{ address: "10.0.0.2", port: 5432 }] })).toEqual([taken]);
    expect(listen({ taken: [{ address: "0.0.0.0", port: 5432 }] })).toEqual([taken]);
    expect(listen({ taken: [{ address: "10.0.0.9", port: 5432 }] }, { addresses: "*" })).toMatchObject([
      { addresses: [{ address: "*", why: "taken" }] },
    ]);
  });

  it("the address must be one of the host, where anything tells which these are", () => {
    const gone = { address: "10.0.0.7", addresses: "10.0.0.7" };
    expect(listen({}, gone)).toMatchObject([{ addresses: [{ address: "10.0.0.7", why: "not here" }] }]);
    expect(listen({ anywhere: true }, gone)).toEqual([]);
    const { own: _own, ...unknown } = quiet;
    expect(judgeStart(starting({}, { listening: { port: 5432, ...gone } }), facts({ network: unknown }))).toEqual([]);
    expect(listen({}, { address: "127.9.9.9", addresses: "127.9.9.9" })).toEqual([]);
    expect(
      listen({ own: ["fe80:0000:0000:0000:0000:0000:0000:0001/128"] }, { addresses: "fe80::1", address: "x" }),
    ).toEqual([]);
  });

  it("the host must know the name, and the port be everybody's", () => {
    expect(listen({ names: { "db.internal": [] } }, { addresses: "db.internal" })).toMatchObject([
      { addresses: [{ why: "no such name" }] },
    ]);
    expect(listen({}, { port: 80 })).toMatchObject([{ addresses: [{ why: "privileged" }, { why: "privileged" }] }]);
    expect(listen({}, { addresses: "" })).toEqual([]);
  });
});

describe("folders", () => {
  it("of sockets and of the log must be the server's to write to", () => {
    const settings = { unix_socket_directories: "/run/one, /run/two" };
    const folders = { "/run/one": "missing", "/run/two": "not writable", "/var/log/x": "missing" } as const;
    const found = judgeStart(starting(settings, { logFolder: "/var/log/x" }), facts({ folders }));
    expect(found).toEqual([
      { code: "socketFolder", folder: "/run/one", why: "missing" },
      { code: "socketFolder", folder: "/run/two", why: "not writable" },
      { code: "logFolder", folder: "/var/log/x" },
    ]);
    const socketsTaken = { "/run/two/.s.PGSQL.5432": 77 };
    expect(judgeStart(starting(settings), facts({ socketsTaken }))).toEqual([
      { code: "socketTaken", path: "/run/two/.s.PGSQL.5432", pid: 77 },
    ]);
    expect(cannotStartInWords("server2", found)).toBe(
      "server2 would not start with what it is to get: /run/one, where it is to put its socket, is no folder, and nobody of ours can make it (make it, or declare another in unix_socket_directories); /run/two, where it is to put its socket, is not one that its OS user may write to (give it that, or declare another in unix_socket_directories); /var/log/x, where its log is to be, is missing or not one that its OS user may write to (make it, or declare another log_directory). Nothing was changed, and it runs on",
    );
  });
});

describe("a recovery target of a standby", () => {
  const of = (settings: Starting["settings"], version: Starting["version"] = "15") =>
    recoveryTargetOf(version, settings, { checkpoint: 0x1_0000_0000n, now: Date.parse("2026-06-01T00:00:00Z") / 1000 });

  it("that lies ahead, or of which nothing tells, is the administrator's", () => {
    expect(of({})).toBeUndefined();
    expect(of({ recovery_target_lsn: "2/0" })).toBeUndefined();
    expect(of({ recovery_target_time: "2026-05-31 23:00:00+00" })).toBeUndefined();
    expect(of({ recovery_target_time: "yesterday" })).toBeUndefined();
    expect(of({ recovery_target_name: "before_release" })).toBeUndefined();
    expect(of({ recovery_target_timeline: "latest" })).toBeUndefined();
  });

  it("that has passed ends it at once", () => {
    expect(of({ recovery_target: "immediate" })).toMatchObject({ why: "passed" });
    expect(of({ recovery_target_lsn: "1/0" })).toMatchObject({ why: "passed", value: "1/0" });
    expect(of({ recovery_target_time: "2026-05-01 00:00:00+00" })).toMatchObject({ why: "passed" });
  });

  it("at which it would be promoted makes a second primary one day", () => {
    const ahead = { recovery_target_name: "some_day" };
    expect(of({ ...ahead, recovery_target_action: "promote" })).toMatchObject({ why: "promotes" });
    expect(of(ahead, "9.0")).toMatchObject({ why: "promotes" });
    expect(of(ahead, "9.4")).toBeUndefined();
    expect(of({ ...ahead, pause_at_recovery_target: "off" }, "9.4")).toMatchObject({ why: "promotes" });
  });
});

describe("who is asked", () => {
  const step = (server: string, action: Step["action"], setting = "work_mem"): Step => {
    return { server, action, because: [{ code: "setting", setting }], hold: {} };
  };

  it("are servers that are started anew, and of reloads those that bring what the program alone can judge", () => {
    const steps = [
      step("a", "restart"),
      step("b", "reload"),
      step("c", "reload", "ext.max"),
      step("d", "start"),
      step("e", "rejoin"),
    ];
    expect(toAsk({ steps })).toEqual(["a", "c", "e"]);
    expect(toAsk({ steps, switchover: { from: "d", to: "a" } })).toEqual(["a", "c", "d", "e"]);
    expect(toAsk({ steps: [step("f", "reload", "TimeZone"), step("g", "install")] })).toEqual(["f"]);
  });

  it("is nobody where a standby takes over from one that is lost", () => {
    const failover = { from: "x", to: "a", loss: { ahead: [], others: [] } };
    expect(toAsk({ steps: [step("a", "restart")], failover })).toEqual([]);
  });

  it("runs in a preview nothing that nobody has approved", () => {
    expect(withoutUnapproved({}, { shared_preload_libraries: "pg_stat_statements" })).toEqual({});
    const bad = { shared_preload_libraries: 'pg_cron, /tmp/evil, "/srv/own"', dynamic_library_path: "/tmp" };
    expect(withoutUnapproved({ shared_preload_libraries: "/srv/own" }, bad)).toEqual({
      dynamic_library_path: "$libdir",
      shared_preload_libraries: '"pg_cron","/srv/own"',
    });
    expect(withoutUnapproved({}, { ssl: "on", ssl_passphrase_command: "curl x" })).toEqual({ ssl: "off" });
    expect(withoutUnapproved({ ssl_passphrase_command: "ours" }, { ssl_passphrase_command: "ours" })).toEqual({});
  });

  it("is told what would act on the outside in place of what is declared", () => {
    expect(overridesOf("15", 8 * megabyte)).toMatchObject({
      listen_addresses: "",
      restore_command: "",
      huge_pages: "off",
      external_pid_file: "",
      shared_buffers: "8192kB",
    });
    expect(overridesOf("11", megabyte)).not.toHaveProperty("restore_command");
    expect(overridesOf("9.3", megabyte)).not.toHaveProperty("huge_pages");
    expect(overridesOf("15", megabyte)).not.toHaveProperty("stats_temp_directory");
  });
});
