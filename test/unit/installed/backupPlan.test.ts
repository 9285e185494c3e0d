import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type DatabaseRules, renderBackups } from "../../../installed/backups/render.js";
import { rulesOf } from "../../support/backedUp.js";
import { sispiRules } from "../../support/sispi.js";

const scripts = join(import.meta.dirname, "../../../installed/backups");

/** What hosts have for awk: all of them must make the same plan. */
const awks = [["mawk"], ["gawk"], ["busybox", "awk"]].filter(
  ([program = ""]) => spawnSync(program, ["--help"]).error === undefined,
);

interface Relation {
  readonly schema: string;
  readonly name: string;
  readonly kind: "r" | "S" | "m" | "p";
  readonly bytes: number;
  /** The table that owns a sequence, by its place in the list. */
  readonly owner?: number;
  readonly extension?: "member" | "config";
}

let folder = "";

beforeAll(() => {
  folder = mkdtempSync("/var/tmp/pgsite-plan-");
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** What lies where: DUMP → `SCHEMA.NAME`; and what else the plan says, line by line. */
function plan(
  databases: Readonly<Record<string, DatabaseRules>>,
  relations: Readonly<Record<string, readonly Relation[]>>,
  awk = awks[0] as string[],
) {
  const [rules, there] = [join(folder, "rules"), join(folder, "relations")];
  writeFileSync(rules, rendered(databases));
  const lines = Object.entries(relations).flatMap(([database, list]) =>
    list.map(({ schema, name, kind, bytes, owner, extension = "" }, index) =>
      [
        "relation",
        index + 1,
        database,
        schema,
        name,
        kind,
        "p",
        "owner",
        bytes,
        0,
        owner === undefined ? 0 : owner + 1,
        extension,
      ]
        .map((field) => copied(`${field}`))
        .join("\t"),
    ),
  );
  writeFileSync(there, lines.map((line) => `${line}\n`).join(""));
  const [program = "", ...args] = awk;
  const text = execFileSync(
    program,
    [...args, "-f", join(scripts, "fields.awk"), "-f", join(scripts, "plan.awk"), rules, there],
    {
      env: { ...process.env, LC_ALL: "C" },
    },
  );
  return text
    .toString("utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.split("\t"));
}

function rendered(databases: Readonly<Record<string, DatabaseRules>>): string {
  const facts = {
    job: {
      site: "sispi",
      server: "server2",
      version: "15",
      user: "postgres",
      dataDirectory: "/data",
      controlDirectory: "/data.pgsite",
      binDirectory: "/bin",
      port: 5432,
      connection: {},
    },
    folder: "/backup",
    role: "primary",
    databases,
    jobs: 1,
    lockWait: 1,
    keep: { last: 1, daily: 0, weekly: 0, monthly: 0 },
    places: [],
  } as const;
  return renderBackups(facts).rules ?? "";
}

function copied(field: string): string {
  return field.replaceAll("\\", "\\\\").replaceAll("\t", "\\t").replaceAll("\n", "\\n");
}

const table = (schema: string, name: string, bytes = 1000): Relation => ({ schema, name, kind: "r", bytes });

describe("the plan of a run", () => {
  it("is the guide's for SISPI", () => {
    const relations = [
      table("telemetry", "environment"),
      table("telemetry", "monsoon_pan"),
      table("telemetry", "dome"),
      table("obstac", "plan"),
      table("users", "account"),
      { ...table("users", "account_id_seq", 0), kind: "S" as const, owner: 4 },
      { ...table("obstac", "ticket", 0), kind: "S" as const },
    ];
    expect(
      plan({ decam: rulesOf(sispiRules.decam) }, { decam: relations }).map((line) => line.join(" ")),
    ).toMatchInlineSnapshot(`
      [
        "in decam telemetry.environment telemetry environment r 1",
        "in decam monsoon telemetry monsoon_pan r 2",
        "in decam telemetry telemetry dome r 3",
        "in decam obstac obstac plan r 4",
        "unnamed decam users account",
        "in decam rest users account r 5",
        "in decam rest users account_id_seq S 6",
        "in decam obstac obstac ticket S 7",
        "dump decam frame frame 0",
        "dump decam rest rest 1000",
        "empty decam table telemetry.image_quality",
        "empty decam table exposure.exposure",
        "empty decam schema constants",
        "empty decam schema alarms",
        "empty decam schema exposure",
        "dump decam telemetry.environment data 1000",
        "dump decam monsoon data 1000",
        "dump decam telemetry data 1000",
        "dump decam obstac data 1000",
      ]
    `);
  });

  it("takes the first rule that fits: tables, large ones, groups in their order, schemas", () => {
    const rules = rulesOf({
      tables: ["a.named"],
      large: 5000,
      groups: { first: ["a.g*"], second: ["a.*", "*.g?"] },
      schemas: ["a", "b"],
    });
    const relations = [
      table("a", "named", 9000),
      table("a", "large", 5000),
      table("a", "gone"),
      table("a", "other"),
      table("b", "g1"),
      table("b", "gü"),
      table("b", "g12"),
      table("c", "else"),
    ];
    const found = plan({ d: rules }, { d: relations }).filter(([word]) => word === "in");
    expect(found.map(([, , dump, schema, name]) => `${schema}.${name}: ${dump}`)).toEqual([
      "a.named: a.named",
      "a.large: a.large",
      "a.gone: first",
      "a.other: second",
      "b.g1: second",
      "b.gü: second",
      "b.g12: b",
      "c.else: rest",
    ]);
  });

  it("gives each dump a file of its own, whatever it is called", () => {
    const rules = rulesOf({ tables: ["a.b"], groups: { "a.b": ["c.*"] }, schemas: ["rest", "frame", "x/y"] });
    const relations = [
      table("a", "b"),
      table("c", "c"),
      table("rest", "t"),
      table("frame", "t"),
      table("x/y", "t"),
      table("z", "t"),
    ];
    const dumps = plan({ d: rules }, { d: relations }).filter(([word]) => word === "in");
    expect(dumps.map(([, , dump]) => dump)).toEqual(["a.b", "a.b~2", "rest~2", "frame~2", "x%2Fy", "rest"]);
  });

  it("says which rules nothing is there for", () => {
    const rules = rulesOf({ tables: ["a.b"], groups: { g: ["c.*"] }, schemas: ["s"] });
    const empty = plan({ d: rules }, { d: [] }).filter(([word]) => word === "empty");
    expect(empty).toEqual([
      ["empty", "d", "table", "a.b"],
      ["empty", "d", "group", "g"],
      ["empty", "d", "schema", "s"],
    ]);
    // What an earlier rule has is there all the same.
    const taken = plan({ d: { ...rules, large: 1 } }, { d: [table("a", "b"), table("c", "d"), table("s", "e")] });
    expect(taken.filter(([word]) => word === "empty")).toEqual([]);
  });

  it("leaves what an extension makes to it, and takes its configuration with the rest", () => {
    const relations = [
      { ...table("public", "made"), extension: "member" as const },
      { ...table("public", "spatial_ref_sys"), extension: "config" as const },
    ];
    const lines = plan({ d: rulesOf({ schemas: ["public"] }) }, { d: relations });
    expect(lines.filter(([word]) => word === "in" || word === "unnamed").map((line) => line.slice(0, 5))).toEqual([
      ["in", "d", "rest", "public", "spatial_ref_sys"],
    ]);
  });

  it.each(awks.map((awk) => [awk.join(" "), awk] as const))(
    "has every table in exactly one dump, by the first rule that fits (%s)",
    (_, awk) => {
      fc.assert(
        fc.property(sites, (site) => {
          const databases = Object.fromEntries(Object.entries(site).map(([name, { rules }]) => [name, rules]));
          const relations = Object.fromEntries(Object.entries(site).map(([name, { relations: list }]) => [name, list]));
          const lines = plan(databases, relations, awk);
          const dumps = lines.filter(([word]) => word === "dump").map(([, database, dump]) => `${database}\t${dump}`);
          expect(new Set(dumps).size).toBe(dumps.length);
          for (const [name, { rules, relations: list }] of Object.entries(site)) {
            const ruled = hasRules(rules);
            const placed = lines.filter(([word, database]) => word === "in" && database === copied(name));
            const data = list.flatMap(({ kind, extension }, index) =>
              ruled && (kind === "r" || kind === "S") && extension !== "member" ? [`${index + 1}`] : [],
            );
            expect(placed.map(([, , , , , , oid]) => oid).sort()).toEqual(data.sort());
            // What the rules say lies together lies together, and nothing else with it.
            const together = new Map<string, string>();
            for (const [, , dump = "", , , kind, oid] of placed) {
              const relation = list[Number(oid) - 1] as Relation;
              const says = expected(rules, list, relation);
              expect(together.get(dump) ?? says, `${kind} ${relation.schema}.${relation.name}`).toBe(says);
              together.set(dump, says);
              expect(dumps).toContain(`${copied(name)}\t${dump}`);
            }
            expect(new Set(together.values()).size).toBe(together.size);
          }
        }),
        { numRuns: 60 },
      );
    },
  );
});

/** The same rules, by other means: what a relation is dumped with. */
function expected(
  rules: DatabaseRules,
  list: readonly Relation[],
  { schema, name, kind, bytes, owner, extension }: Relation,
): string {
  if (kind === "S" && owner !== undefined) {
    const table = list[owner] as Relation;
    if (table.kind === "r" && table.extension !== "member") return expected(rules, list, table);
  }
  if (extension === "config") return "rest";
  const fits = (pattern: string) => glob(pattern, pattern.includes(".") ? `${schema}.${name}` : name);
  if (kind === "r") {
    const own = `table ${JSON.stringify([schema, name])}`;
    if (rules.tables.some(fits)) return own;
    if (rules.large !== undefined && bytes >= rules.large) return own;
  }
  const group = Object.entries(rules.groups).find(([, patterns]) => patterns.some(fits));
  if (group !== undefined) return `group ${group[0]}`;
  return rules.schemas.includes(schema) ? `schema ${schema}` : "rest";
}

function glob(pattern: string, text: string): boolean {
  const [letter, ...more] = [...pattern];
  const [first, ...others] = [...text];
  if (letter === undefined) return first === undefined;
  if (letter === "*") return glob(more.join(""), text) || (first !== undefined && glob(pattern, others.join("")));
  return first !== undefined && (letter === "?" || letter === first) && glob(more.join(""), others.join(""));
}

function hasRules({ large, tables, groups, schemas }: DatabaseRules): boolean {
  return large !== undefined || tables.length + Object.values(groups).flat().length + schemas.length > 0;
}

const letter = fc.constantFrom(
  "a",
  "b",
  "B",
  "_",
  ".",
  "'",
  '"',
  " ",
  "\t",
  "\n",
  "\\",
  "ü",
  "é",
  "%",
  "/",
  "-",
  "$",
  "[",
  "^",
  "*",
  "?",
  "(",
  "|",
  "+",
  "{",
);
const word = fc.string({ unit: letter, minLength: 1, maxLength: 3 });
const pattern = fc.oneof(
  word,
  fc.tuple(word, word).map(([schema, name]) => `${schema}.${name}`),
  fc.constantFrom("*", "a.*", "?", "*.?", "a*"),
);
const relation = fc.record({
  schema: fc.oneof(fc.constantFrom("a", "b"), word),
  name: word,
  kind: fc.constantFrom("r", "r", "r", "S", "S", "m", "p" as const),
  bytes: fc.nat(10_000),
  owner: fc.option(fc.nat(20), { nil: undefined }),
  extension: fc.option(fc.constantFrom("member", "config"), { nil: undefined, freq: 8 }),
});
const relations = fc
  .uniqueArray(relation, { maxLength: 15, selector: ({ schema, name }) => JSON.stringify([schema, name]) })
  .map((list) =>
    list.map(({ owner, extension, ...rest }): Relation => {
      const table = (owner ?? 0) % list.length;
      const owned = rest.kind === "S" && owner !== undefined && list[table]?.kind !== "S";
      return {
        ...rest,
        kind: rest.kind as Relation["kind"],
        ...(owned ? { owner: table } : {}),
        ...(extension === undefined ? {} : { extension: extension as "member" | "config" }),
      };
    }),
  );
const rules = fc.record({
  large: fc.option(fc.nat(10_000), { nil: undefined }),
  tables: fc.array(pattern, { maxLength: 3 }),
  groups: fc.dictionary(word, fc.array(pattern, { minLength: 1, maxLength: 2 }), { maxKeys: 3 }),
  schemas: fc.uniqueArray(fc.oneof(fc.constantFrom("a", "b"), word), { maxLength: 3 }),
});
const sites = fc.dictionary(
  word,
  fc.record({
    rules: rules.map(({ large, ...others }): DatabaseRules => (large === undefined ? others : { ...others, large })),
    relations,
  }),
  { minKeys: 1, maxKeys: 2 },
);
