import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const scripts = join(import.meta.dirname, "../../../installed/backups");
const programs = ["restore", "drill", "runs"];
const shared = ["restore.sh", "partial.sh", "runs.sh", "scratch.sh", "compare.sh", "list.sh", "properties.sh"];

const has = (program: string) => spawnSync(program, ["--help"]).error === undefined;
/** What hosts have for awk: all of them must say the same. */
const awks = [["mawk"], ["gawk"], ["busybox", "awk"]].filter(([program = ""]) => has(program));

let folder = "";

beforeAll(() => {
  folder = mkdtempSync("/var/tmp/pgsite-restore-text-");
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

interface Asked {
  readonly script: string;
  readonly variables?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  /** One file each. */
  readonly inputs: readonly string[];
}

/** What a script makes of its inputs, by every awk alike. */
function said({ script, variables = {}, env = {}, inputs }: Asked): string {
  const files = inputs.map((text, index) => {
    const path = join(folder, `${index}`);
    writeFileSync(path, text);
    return path;
  });
  const given = Object.entries(variables).flatMap(([name, value]) => ["-v", `${name}=${value}`]);
  const [first, ...others] = awks.map(([program = "", ...args]) =>
    execFileSync(
      program,
      [...args, ...given, ...["literals.awk", script].flatMap((name) => ["-f", join(scripts, name)]), ...files],
      {
        env: { PATH: process.env.PATH, LC_ALL: "C", ...env },
        encoding: "utf8",
      },
    ),
  );
  for (const other of others) expect(other).toBe(first);
  return first ?? "";
}

describe("the programs of restore and drill", () => {
  it("are POSIX shell, in which shellcheck finds nothing", (context) => {
    for (const name of [...programs, ...shared]) execFileSync("sh", ["-n", join(scripts, name)]);
    if (!has("shellcheck")) context.skip("shellcheck is not here");
    for (const name of [...programs, ...shared]) {
      const { stdout } = spawnSync("shellcheck", ["-s", "sh", join(scripts, name)], { encoding: "utf8" });
      expect(stdout, name).toBe("");
    }
  });
});

describe("what pg_restore writes of a database itself", () => {
  const text = (name: string) => `\\restrict key
CREATE DATABASE ${name} WITH TEMPLATE = template0 ENCODING = 'UTF8';
ALTER DATABASE ${name} OWNER TO postgres;
\\unrestrict key
\\connect ${name}
\\restrict key
COMMENT ON DATABASE ${name} IS 'two lines, and
ALTER DATABASE ${name} SET is none of it: it''s text';
ALTER DATABASE ${name} SET search_path TO 'a', '${name}';
ALTER ROLE "r IN DATABASE x" IN DATABASE ${name} SET work_mem TO '8MB';
REVOKE CONNECT ON DATABASE ${name} FROM PUBLIC;
\\unrestrict key
`;
  const made = (part: 1 | 2, from: string, as: string, written = from) =>
    said({
      script: "properties.awk",
      variables: { part: `${part}` },
      env: { FROM: from, AS: as },
      inputs: [text(written)],
    });

  it("makes it under another name: first what another database's session does", () => {
    expect(made(1, "decam", "decam 2")).toBe(`\\restrict key
CREATE DATABASE "decam 2" WITH TEMPLATE = template0 ENCODING = 'UTF8';
ALTER DATABASE "decam 2" OWNER TO postgres;
\\unrestrict key
`);
  });

  it("and then the rest, leaving literals alone", () => {
    expect(made(2, 'a"b', 'c"d', '"a""b"')).toBe(`\\restrict key
COMMENT ON DATABASE "c""d" IS 'two lines, and
ALTER DATABASE "a""b" SET is none of it: it''s text';
ALTER DATABASE "c""d" SET search_path TO 'a', '"a""b"';
ALTER ROLE "r IN DATABASE x" IN DATABASE "c""d" SET work_mem TO '8MB';
REVOKE CONNECT ON DATABASE "c""d" FROM PUBLIC;
\\unrestrict key
`);
  });

  it("whatever quotes its name has, so that nothing is done to the one of that name", () => {
    const one = "odd it's";
    for (const part of [1, 2] as const)
      expect(made(part, one, "new", '"odd it\'s"')).toBe(
        made(part, "decam", "new")
          .replace("TO 'a', 'decam'", "TO 'a', '\"odd it's\"'")
          .replace("DATABASE decam SET is", 'DATABASE "odd it\'s" SET is'),
      );
  });
});

describe("globals on a server that has some of them", () => {
  const globals = `--
-- Roles
--

SET client_encoding = 'UTF8';
CREATE ROLE "o'dd "" one";
ALTER ROLE "o'dd "" one" WITH LOGIN PASSWORD 'a;
CREATE ROLE hidden;';
CREATE ROLE postgres;
ALTER ROLE postgres WITH SUPERUSER;
ALTER ROLE reader IN DATABASE decam SET work_mem TO '8MB';
CREATE TABLESPACE fast OWNER postgres LOCATION '/ssd/o''s';
ALTER TABLESPACE fast SET (seq_page_cost=1);
GRANT reader TO observers GRANTED BY postgres;
`;
  const there = "r postgres\nt pg_default\n";
  const asked = (variables: Record<string, string>) =>
    said({ script: "globals.awk", variables: { first: "lists", ...variables }, inputs: [there, globals] });

  it("leaves those that are there as they are", () => {
    const now = asked({ mode: "now" });
    expect(now).toContain(`CREATE ROLE "o'dd "" one";`);
    expect(now).toContain("CREATE ROLE hidden;';");
    expect(now).not.toContain("ROLE postgres");
    expect(now).not.toContain("IN DATABASE");
    expect(now).toContain("LOCATION '/ssd/o''s';");
    expect(asked({ mode: "now", replace: "1" })).toContain("ALTER ROLE postgres WITH SUPERUSER;");
    expect(asked({ mode: "now", replace: "1" })).not.toContain("CREATE ROLE postgres;");
  });

  it("takes each statement by itself, whatever quotes names have", () => {
    const text = `--\n-- User Config "it's"\n--\n\nCREATE ROLE "it's";\nCREATE ROLE next;\nALTER ROLE "it's" WITH LOGIN;\n`;
    const asked = (here: string, variables: Record<string, string> = {}) =>
      said({ script: "globals.awk", variables: { first: "lists", mode: "now", ...variables }, inputs: [here, text] });
    expect(asked("r it's\n", { replace: "1" })).toBe(`CREATE ROLE next;\nALTER ROLE "it's" WITH LOGIN;\n`);
    expect(asked("r next\n")).toBe(`CREATE ROLE "it's";\nALTER ROLE "it's" WITH LOGIN;\n`);
  });

  it("says what they are, and keeps for later what needs a database", () => {
    expect(asked({ mode: "roles" })).toBe(`o'dd " one\npostgres\n`);
    expect(asked({ mode: "tablespaces" })).toBe("fast\n");
    expect(asked({ mode: "folders" })).toBe("/ssd/o's\n");
    expect(asked({ mode: "late" })).toBe("ALTER ROLE reader IN DATABASE decam SET work_mem TO '8MB';\n");
  });

  it("puts tablespaces elsewhere for a drill", () => {
    expect(asked({ mode: "now", moved: "/scratch" })).toContain(
      "CREATE TABLESPACE fast OWNER postgres LOCATION '/scratch/1';",
    );
  });
});

describe("SQL of programs that are newer than the server", () => {
  it("loses settings that it does not know, and no row that looks like one", () => {
    const sql = `SET transaction_timeout = 0;
SET default_table_access_method = heap;
CREATE DATABASE d WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE_PROVIDER = libc LOCALE = 'C';
COPY t (a) FROM stdin;
SET transaction_timeout = 0;
\\.
SET transaction_timeout = 0;
`;
    expect(said({ script: "older.awk", variables: { server: "1000" }, inputs: [sql] })).toBe(
      `CREATE DATABASE d WITH TEMPLATE = template0 ENCODING = 'UTF8' LC_COLLATE = 'C' LC_CTYPE = 'C';
COPY t (a) FROM stdin;
SET transaction_timeout = 0;
\\.
`,
    );
    expect(said({ script: "older.awk", variables: { server: "1700" }, inputs: [sql] })).toBe(sql);
  });
});

describe("what of an archive belongs to a table", () => {
  const list = `;
; Archive created at 2026-11-29 11:02:00 UTC
;
210; 1259 100 TABLE exposure exposure dbadmin
211; 1259 101 SEQUENCE exposure exposure_id_seq dbadmin
;	depends on: 210
212; 0 0 SEQUENCE OWNED BY exposure exposure_id_seq dbadmin
;	depends on: 211 210
213; 1259 102 TABLE exposure exposure night dbadmin
214; 1259 103 TABLE obstac plan postgres
215; 1259 104 VIEW exposure latest postgres
;	depends on: 210
300; 2604 200 DEFAULT exposure exposure id dbadmin
;	depends on: 211 210
400; 2606 300 CONSTRAINT exposure exposure exposure_pkey dbadmin
;	depends on: 210
401; 1259 301 INDEX exposure exposure_taken dbadmin
;	depends on: 210
402; 2606 302 FK CONSTRAINT obstac plan plan_exposure_fkey postgres
;	depends on: 214 400 210
403; 0 0 ACL exposure TABLE exposure dbadmin
;	depends on: 210
404; 0 0 COMMENT exposure INDEX exposure_taken dbadmin
;	depends on: 401
405; 2620 303 TRIGGER exposure exposure touch dbadmin
;	depends on: 210
`;
  const known = (wanted: string) =>
    [
      ["exposure", "exposure"],
      ["exposure", "exposure night"],
      ["obstac", "plan"],
    ]
      .map((name) => [...name, name.join(".") === wanted ? 1 : 0].join("\t"))
      .join("\n");
  const ids = (variables: Record<string, string>, first: string) =>
    said({ script: "toc.awk", variables, env: { schema: "exposure" }, inputs: [`${first}\n`, list] })
      .trimEnd()
      .split("\n")
      .map((line) => line.split(";")[0]);

  it("is what depends on it, and no table of a longer name", () => {
    expect(ids({ what: "tables" }, known("exposure.exposure"))).toEqual([
      "210",
      "211",
      "212",
      "300",
      "400",
      "401",
      "402",
      "403",
      "404",
      "405",
    ]);
    expect(ids({ what: "tables" }, known("exposure.exposure night"))).toEqual(["213"]);
    expect(ids({ what: "owned" }, known("exposure.exposure"))).toEqual(["exposure exposure_id_seq dbadmin"]);
  });

  it("is of a schema all of it, and what pointed into it", () => {
    expect(ids({ what: "schema" }, "")).toEqual([
      "210",
      "211",
      "212",
      "213",
      "215",
      "300",
      "400",
      "401",
      "402",
      "403",
      "404",
      "405",
    ]);
    expect(ids({ what: "keys", by: "schema" }, "")).toEqual(["402\tobstac\tplan"]);
  });
});

describe("a place's runs", () => {
  it("are told by their folders' names and what lies in them", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(
          fc.record({
            day: fc.integer({ min: 1, max: 28 }),
            suffix: fc.constantFrom("", ".partial", ".damaged"),
            whole: fc.boolean(),
            verified: fc.constantFrom("none", "good", "empty"),
          }),
          { selector: ({ day }) => day, maxLength: 4 },
        ),
        (runs) => {
          const place = mkdtempSync(join(folder, "place-"));
          const expected = runs.map(({ day, suffix, whole, verified }) => {
            const name = `202611${`${day}`.padStart(2, "0")}T110200Z`;
            const path = join(place, name + suffix);
            execFileSync("mkdir", [path]);
            writeFileSync(
              join(path, "manifest"),
              `file\ta\t5\ts\twhole\td\t1\nfile\tb\t7\ts\tsizes\t\t1\n${whole ? "end\t12\n" : ""}`,
            );
            if (verified !== "none") writeFileSync(join(path, "verified"), verified === "good" ? "time\t99\n" : "");
            const state =
              suffix === "" ? (whole ? (verified === "good" ? "verified" : "whole") : "damaged") : suffix.slice(1);
            const at = state === "verified" ? "99" : "-";
            return [
              name,
              state,
              ...(suffix !== ".partial" && whole ? ["12", "12", at] : [expect.any(String), "-", at]),
            ];
          });
          const out = execFileSync("sh", [join(scripts, "list.sh"), place], { encoding: "utf8" });
          const found = out.split("\n").filter((line) => line !== "");
          expect(found.map((line) => line.split("\t")).sort()).toEqual(expected.sort());
        },
      ),
      { numRuns: 15 },
    );
    expect(spawnSync("sh", [join(scripts, "list.sh"), join(folder, "none")]).status).toBe(3);
  });

  it("are listed by one file that needs nothing beside it", () => {
    expect(readFileSync(join(scripts, "list.sh"), "utf8")).not.toMatch(/\$here/);
  });
});
