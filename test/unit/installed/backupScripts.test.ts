import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const scripts = join(import.meta.dirname, "../../../installed/backups");
const has = (program: string) => spawnSync(program, ["--help"]).error === undefined;
const awks = [["mawk"], ["gawk"], ["busybox", "awk"]]
  .filter(([program = ""]) => has(program))
  .map((awk) => [awk.join(" "), awk] as const);

let folder = "";

beforeAll(() => {
  folder = mkdtempSync("/var/tmp/pgsite-scripts-");
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

function run(
  awk: readonly string[],
  names: readonly string[],
  texts: readonly string[],
  variables: readonly string[] = [],
) {
  const files = texts.map((text, index) => {
    const file = join(folder, `${index}`);
    writeFileSync(file, text);
    return file;
  });
  const [program = "", ...args] = awk;
  const env = { ...process.env, LC_ALL: "C", into: folder };
  const set = variables.flatMap((variable) => ["-v", variable]);
  const read = names.flatMap((name) => ["-f", join(scripts, name)]);
  return execFileSync(program, [...args, ...set, ...read, ...files], { env }).toString();
}

const lines = (...rows: readonly (readonly string[])[]) => rows.map((row) => `${row.join("\t")}\n`).join("");

describe("the program that makes backups", () => {
  it("is POSIX shell, in which shellcheck finds nothing", (context) => {
    const names = ["backup", "server.sh", "dumps.sh", "folders.sh", "copies.sh", "report.sh"];
    for (const name of names) execFileSync("sh", ["-n", join(scripts, name)]);
    if (!has("shellcheck")) context.skip("shellcheck is not here");
    const { stdout } = spawnSync("shellcheck", ["-s", "sh", ...names.map((name) => join(scripts, name))]);
    expect(stdout.toString()).toBe("");
  });

  it.each(awks)("calls pg_dump with what the plan says, whatever names are like (%s)", (_, awk) => {
    const odd = 'it\'s\\t"odd"\\\\';
    const plan = lines(
      ["in", "d", "g", "s", odd, "r", "1"],
      ["in", "d", "g", "s", "a", "S", "2"],
      ["in", "d", "rest", "s", "left", "r", "3"],
    );
    const queue = lines(
      ["1.000", "9", "d", "g", "data", "d/g.dump"],
      ["0.000", "9", "d", "rest", "rest", "d/rest.dump"],
      ["0.000", "0", "d", "frame", "frame", "d/frame.dump"],
      ["0.000", "0", "it's", "whole", "whole", "it%27s/whole.dump"],
    );
    const called = (dumper: number) => {
      run(awk, ["fields.awk", "arguments.awk"], [plan, queue], [`dumper=${dumper}`]);
      return [1, 2, 3, 4].map((number) => {
        const show = 'printf "<%s>" "$database" "$kind" "$path" "$@"';
        return execFileSync("sh", ["-c", `. "$0"; ${show}`, join(folder, `dump.${number}`)]).toString();
      });
    };
    const exact = '"s"."it\'s\t""odd""\\"';
    expect(called(1500)).toEqual([
      `<d><data><d/g.dump><--section=data><-t><${exact}><-t><"s"."a">`,
      `<d><rest><d/rest.dump><--section=data><-b><-T><${exact}><-T><"s"."a">`,
      "<d><frame><d/frame.dump><--section=pre-data><--section=post-data>",
      "<it's><whole><it%27s/whole.dump>",
    ]);
    expect(called(900)[0]).toContain("<d/g.dump><-a><-t>");
    expect(called(900)[2]).toBe("<d><frame><d/frame.dump><-s>");
  });

  it.each(awks)("counts rows as pg_restore writes them (%s)", (_, awk) => {
    const text = `SET client_encoding = 'UTF8';
COPY public.a (n, t) FROM stdin;
1\tCOPY x FROM stdin;
2\t\\\\.

\\.
COPY public.nothing  FROM stdin;
\\.
SELECT pg_catalog.setval('public.a_n_seq', 1, true);
COPY public."a name
of lines" (n) FROM stdin;
1
\\.
`;
    expect(run(awk, ["rows.awk"], [text])).toBe("3\n0\n1\n");
    expect(run(awk, ["rows.awk"], [text.slice(0, -4)])).toBe("3\n0\ncut off\n");
  });

  describe.each(awks)("holds the lists of the dumps against what was there (%s)", (_, awk) => {
    const relation = (oid: number, name: string, kind = "r", extension = "") =>
      ["relation", `${oid}`, "d", "s", name, kind, "p", "o w", "1", "0", "0", extension] as const;
    const there = lines(
      relation(11, "a"),
      relation(12, "b"),
      relation(13, "a b", "S"),
      relation(14, "v", "m"),
      relation(15, "x", "r", "member"),
    );
    const plan = lines(
      ["dump", "d", "frame", "frame", "0"],
      ["in", "d", "g", "s", "a", "r", "11"],
      ["in", "d", "rest", "s", "b", "r", "12"],
      ["in", "d", "rest", "s", "a b", "S", "13"],
    );
    const first = "#list\td/g.dump\td\n; Archive\n301; 0 11 TABLE DATA s a o w\n#counts\n7\n";
    const rest =
      "#list\td/rest.dump\td\n302; 0 12 TABLE DATA s b o w\n303; 0 0 SEQUENCE SET s a b o w\n304; 0 0 BLOBS - BLOBS \n#counts\n0\n";
    const frame =
      "#list\td/frame.dump\td\n5; 1259 11 TABLE s a o w\n305; 0 14 MATERIALIZED VIEW DATA s v o w\n#counts\n";
    const checked = (lists: string) => run(awk, ["check.awk"], [there, plan, lists]).split("\n").slice(0, -1);

    it("and finds all in their places", () => {
      expect(checked(first + rest + frame)).toEqual([
        "holds\td/g.dump\ts\ta\tr",
        "rows\td/g.dump\ts\ta\t7",
        "holds\td/rest.dump\ts\tb\tr",
        "holds\td/rest.dump\ts\ta b\tS",
        "rows\td/rest.dump\ts\tb\t0",
        "holds\td/frame.dump\ts\tv\tm",
      ]);
    });

    it.each([
      ["a table that is in none", first + frame, ["missing\td\ts\tb\t", "missing\td\ts\ta b\t"]],
      [
        "one that is in two",
        first + rest + rest.replace("12 TABLE DATA s b", "11 TABLE DATA s a"),
        ["twice\td\ts\ta\td/rest.dump", "elsewhere\td\ts\ta\td/rest.dump", "twice\td\ts\ta b\td/rest.dump"],
      ],
      ["one that is in another", first.replace("g.dump", "h.dump") + rest, ["elsewhere\td\ts\ta\td/h.dump"]],
      [
        "rows that are not those of the tables",
        first.replace("7\n", "7\ncut off\n") + rest,
        ["uncounted\td\t\t\td/g.dump"],
      ],
      [
        "a table that nobody knows",
        first.replace("; 0 11", "; 0 99") + rest,
        ["unknown\td\t\ts a o w\td/g.dump", "missing\td\ts\ta\t"],
      ],
    ])("and names %s", (_name, lists, problems) => {
      expect(
        checked(lists)
          .filter((line) => line.startsWith("problem"))
          .map((line) => line.slice(8)),
      ).toEqual(problems);
    });
  });
});
