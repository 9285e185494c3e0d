import { describe, expect, it } from "vitest";
import { type ConfigurationState, configurationDifferences } from "../../../postgres/files/differences.js";
import { emptyAutoFile, normalised } from "../../../postgres/files/facts.js";
import { changeOf } from "../../../postgres/rollout/changes.js";
import { byWhom, sessionDifferences } from "../../../postgres/settings/session.js";
import type { Major } from "../../../postgres/versions.js";
import { sentence } from "../../../servers/words/differences.js";
import { reasonInWords } from "../../../servers/words/plan.js";

const declared: ConfigurationState = {
  version: "15",
  state: "running",
  files: {
    "postgresql.conf": "max_connections = '40'\nwork_mem = '5MB'\n",
    "postgresql.auto.conf": emptyAutoFile,
    "pg_hba.conf": "local all postgres peer\nhost all all 10.0.0.0/8 md5\n",
  },
  permissions: { "postgresql.conf": "0600 postgres" },
  runs: {},
  refused: [],
  unread: false,
};

function said(change: Partial<ConfigurationState>, version: Major = "15"): readonly string[] {
  return configurationDifferences("s", version, { ...declared, ...change }, declared).map(sentence);
}

function withConf(text: string): Pick<ConfigurationState, "files"> {
  return { files: { ...declared.files, "postgresql.conf": text } };
}

describe("the configuration of a server, as it is and as it is declared", () => {
  it("has no difference where nothing differs, also by another spelling of a value", () => {
    expect(said({})).toEqual([]);
    expect(said(withConf("max_connections = 40\nwork_mem = 5120kB\n"))).toEqual([
      "s: the text of postgresql.conf is not as declared, and means the same: nothing",
    ]);
  });

  it("names the file, both values and what it takes", () => {
    expect(said(withConf("max_connections = 300\nwork_mem = 5MB\nport = 5433\n"))).toEqual([
      "s: postgresql.conf max_connections is 300, declared 40: restart in order",
      "s: postgresql.conf port is 5433, declared unset (5432): restart",
    ]);
  });

  it("takes no restart for what is not in force", () => {
    const runs = { max_connections: { value: "40", source: "configuration file" } };
    expect(said({ ...withConf("max_connections = 300\nwork_mem = 5MB\n"), runs })).toEqual([
      "s: postgresql.conf max_connections is 300 (waits for a restart: the server runs with 40), declared 40: reload",
    ]);
  });

  it("says a file that somebody put into a folder of included ones with its line, whether it is read or not", () => {
    const file = "conf.d/99-hand.conf";
    const text = "# mine\nrandom_page_cost = 1.5\nssl_passphrase_command = 'echo zq9'\n";
    const whole = `${declared.files["postgresql.conf"]}include_dir = 'conf.d'\n`;
    expect(said({ files: { ...declared.files, "postgresql.conf": whole, [file]: text } })).toEqual(
      expect.arrayContaining([`s: ${file} line 2 random_page_cost is 1.5, declared unset (4): reload`]),
    );
    const ignored =
      "and not read (postgresql.conf includes its files by name): declare it in the stack file, or remove it there";
    expect(said({ __ignored: { [file]: text } })).toEqual([
      `s: ${file} line 2 random_page_cost is 1.5 ${ignored}: by hand`,
      `s: ${file} line 3 ssl_passphrase_command is ******** ${ignored}: by hand`,
    ]);
  });

  it("asks nothing of a stopped server but to start", () => {
    expect(said({ ...withConf("max_connections = 300\nwork_mem = 5MB\n"), state: "stopped" })).toEqual([
      "s: the server is stopped, declared running: start",
      "s: postgresql.conf max_connections is 300, declared 40: install",
    ]);
  });

  it("never shows a password that somebody put into primary_conninfo", () => {
    const [line] = said(withConf(`${declared.files["postgresql.conf"]}primary_conninfo = 'host=a password=s3cret'\n`));
    expect(line).toBe("s: postgresql.conf primary_conninfo is 'host=a password=********', declared unset (''): reload");
    expect(line).not.toContain("s3cret");
  });

  it("says that a version other than the declared one takes more than an up", () => {
    expect(said({ version: "14" })).toEqual([
      "s: version is 14 (pulumi up upgrades data to a newer one: the preview says how), declared 15: by hand",
    ]);
  });
});

describe("pg_hba.conf that was touched after the server last read it", () => {
  const doubt =
    "s: pg_hba.conf of the running server is in doubt (the file was touched after the server last read it: rules that it no longer has may be in force): reload";
  const withRules = (text: string) => ({ files: { ...declared.files, "pg_hba.conf": text }, unread: true });

  it("is in doubt, also beside another comment", () => {
    expect(said({ unread: true })).toEqual([doubt]);
    expect(said(withRules(`${declared.files["pg_hba.conf"]}# a comment\n`))).toEqual([
      "s: the text of pg_hba.conf is not as declared, and means the same: reload",
      doubt,
    ]);
  });

  it("is not, where its rules differ anyway: what is said of these is to be reloaded", () => {
    expect(said(withRules("local all postgres peer\n"))).toEqual([
      's: pg_hba.conf "host  all  all  10.0.0.0/8  md5" is missing: reload',
    ]);
  });

  it("is not said to be unreadable where it is missing", () => {
    const { "pg_hba.conf": _, ...files } = declared.files;
    expect(said({ files, refused: ["pg_hba.conf: could not open it"] })).toEqual(["s: pg_hba.conf is missing: reload"]);
  });
});

describe("postgresql.auto.conf", () => {
  it("is the empty one whatever its comments, until it sets something", () => {
    expect(normalised("postgresql.auto.conf", "# another\n\n")).toBe(emptyAutoFile);
    expect(normalised("postgresql.auto.conf", "work_mem = '1MB'\n")).toBe("work_mem = '1MB'\n");
    expect(normalised("postgresql.conf", "# another\n")).toBe("# another\n");
  });
});

describe("what one server needs in a rollout", () => {
  const shall = {
    version: "15",
    role: "primary",
    hotStandby: true,
    files: {},
    settings: { max_connections: "40" },
  } as const;
  const is = { data: true, running: true, inRecovery: false, files: {}, settings: { max_connections: "40" } };

  it("is a reload where a file waits for a restart that is not to come", () => {
    const change = changeOf("15", { ...is, filed: { max_connections: "60" } }, shall);
    expect(change.action).toBe("reload");
    expect(change.because.map(reasonInWords)).toEqual(["max_connections 60 → 40, not in force"]);
  });

  it("is a restart where the program was given a value that no file overrides", () => {
    const settings = { ...is.settings, work_mem: "9MB" };
    expect(changeOf("15", { ...is, settings, given: ["work_mem"] }, shall).action).toBe("restart");
    expect(changeOf("15", { ...is, settings }, shall).action).toBe("reload");
  });

  it("is a restart where the server says so of an extension's setting, which no table of ours knows", () => {
    const before = { ...is, settings: { ...is.settings, "pg_stat_statements.max": "5000" } };
    const after = { ...shall, settings: { ...shall.settings, "pg_stat_statements.max": "6000" } };
    expect(changeOf("15", { ...before, startOnly: ["pg_stat_statements.max"] }, after).action).toBe("restart");
    expect(changeOf("15", before, after).action).toBe("reload");
  });

  it("is a reload wherever pg_hba.conf is written anew, so that what it says is known to be in force", () => {
    const files = (hash: string, rules: string) => ({ files: { "pg_hba.conf": hash }, rules });
    expect(changeOf("15", { ...is, ...files("a", "r") }, { ...shall, ...files("b", "r") }).action).toBe("reload");
    expect(changeOf("15", { ...is, ...files("a", "r") }, { ...shall, ...files("b", "s") }).action).toBe("reload");
    expect(changeOf("15", { ...is, ...files("a", "r") }, { ...shall, ...files("a", "r") }).action).toBe("none");
    const unread = changeOf("15", { ...is, ...files("a", "r"), unread: true }, { ...shall, ...files("a", "r") });
    expect(unread.action).toBe("reload");
    expect(unread.because.map(reasonInWords)).toEqual(["pg_hba.conf is to be read again"]);
  });
});

describe("settings that sessions begin with", () => {
  it("are said by whom they are of, and by meaning", () => {
    const is = byWhom([{ role: "a", settings: { work_mem: "1024kB" } }, { settings: { lock_timeout: "5s" } }]);
    const shall = byWhom([
      { role: "a", settings: { work_mem: "1MB" } },
      { database: "d", settings: { work_mem: "2MB" } },
    ]);
    expect(sessionDifferences("15", is, shall).map(sentence)).toEqual([
      "lock_timeout of all roles is 5s, declared unset: SQL",
      "work_mem of database d is unset, declared 2MB: SQL",
    ]);
  });
});
