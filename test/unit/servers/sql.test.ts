import { expect, it } from "vitest";
import { majors } from "../../../postgres/versions.js";
import { administratorSql } from "../../../servers/seed/initdb.js";
import { bytesOfLsn, identifier, literal } from "../../../servers/sql/sql.js";
import { namesOf } from "../../../servers/sql/versions.js";

it("positions in the WAL are numbers of bytes", () => {
  expect(bytesOfLsn("0/0")).toBe(0n);
  expect(bytesOfLsn("16/B374D848")).toBe(0x16b374d848n);
  expect(() => bytesOfLsn("16")).toThrow("not a position in the WAL: 16");
});

it("names and texts are quoted by one place", () => {
  expect(identifier('a"b')).toBe('"a""b"');
  expect(literal("a'b\\c")).toBe(" E'a''b\\\\c'");
});

it("every version has the names of its own functions", () => {
  const backup = Object.fromEntries(majors.map((major) => [major, namesOf(major).backup]));
  expect(backup["9.5"]?.start).toBe("select pg_start_backup($1, true)::text as lsn");
  expect(backup["9.6"]?.start).toBe("select pg_start_backup($1, true, false)::text as lsn");
  expect(backup["9.6"]?.temporarySlot).toBeNull();
  expect(backup["14"]?.stop).toBe("select lsn::text, labelfile, spcmapfile from pg_stop_backup(false, false)");
  expect(backup["15"]?.stop).toBe("select lsn::text, labelfile, spcmapfile from pg_backup_stop(false)");
  expect(namesOf("9.0").replication).toBeNull();
  expect(namesOf("9.1").replication?.pid).toBe("procpid");
  expect(namesOf("9.6").walDirectory).toBe("pg_xlog");
  expect(namesOf("10").walDirectory).toBe("pg_wal");
});

const site = (administrator: string) => ({ administrator, stack: "ctio" }) as Parameters<typeof administratorSql>[0];
const server = (version: string) => ({ version, host: { user: "postgres" } }) as Parameters<typeof administratorSql>[1];

it("the administrator is made with a verifier of its version, never with its password", async () => {
  const sql = (version: string) => administratorSql(site('db"admin'), server(version), { 'db"admin': "se'cret" });
  expect(await sql("9.0")).toMatch(/^CREATE ROLE "db""admin" SUPERUSER LOGIN PASSWORD 'md5[0-9a-f]{32}';$/);
  expect(await sql("9.6")).toMatch(/^CREATE ROLE "db""admin" SUPERUSER LOGIN REPLICATION PASSWORD 'md5[0-9a-f]{32}';$/);
  expect(await sql("10")).toMatch(/ PASSWORD 'SCRAM-SHA-256\$4096:[^']+';$/);
  for (const version of ["9.0", "15"]) expect(await sql(version)).not.toContain("cret");
});

it("the administrator may be initdb's own superuser", async () => {
  expect(await administratorSql(site("postgres"), server("15"), { postgres: "x" })).toMatch(/^ALTER ROLE "postgres" /);
});
