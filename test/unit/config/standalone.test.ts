import { describe, expect, it } from "vitest";
import { rawConfiguration } from "../../../cli/rehearsal/stackFiles.js";
import { canBeInIni, renderIni } from "../../../config/ini.js";
import { resolveStack } from "../../../config/resolve.js";
import { checkSiblings } from "../../../config/siblings.js";
import { stackText } from "../../support/stackText.js";

const momentum = rawConfiguration(stackText("momentum"));
const resolved = (changes: Readonly<Record<string, string>> = {}) =>
  resolveStack("momentum", { ...momentum, ...changes });
const errors = (changes: Readonly<Record<string, string>>) =>
  resolved(changes)
    .problems.filter(({ severity }) => severity === "error")
    .map(({ path, message }) => `${path}: ${message}`);

describe("a stack with a standalone server", () => {
  it("has a primary for all that asks who takes writes, nobody who replicates, and no rule for him", () => {
    const { stack } = resolved();
    expect(stack?.site).toMatchObject({ primary: "msyspg", standalone: true, replicationRole: "msyspg" });
    expect(stack?.site.servers[0]?.files["pg_hba.conf"]).not.toMatch(/replication/);
    expect(stack?.site.servers[0]?.settings).toMatchObject({ wal_level: "hot_standby", max_wal_senders: "4" });
    expect(stack?.site.servers[0]?.settings).not.toHaveProperty("wal_keep_segments");
  });

  it("asks for the passwords of its administrator and of whoever has a file, and for no other", () => {
    const asked = resolved().problems.filter(({ path }) => path.startsWith("password-"));
    expect(asked.map(({ path }) => path)).toEqual(["password-msyspg", "password-ecuser"]);
  });

  it.each([
    ["mirrors", '["momentum"]', /^mirrors: msyspg is standalone: this database exists once, and nothing follows it/],
    ["mirrorStacks", '["o/p/s"]', /^mirrorStacks: msyspg is standalone/],
    ["synchronous", '{"servers":["msyspg"]}', /^synchronous: msyspg is standalone/],
    ["replicationRole", "replicator", /^replicationRole: msyspg is standalone/],
    ["upstream", '{"server":"momentum","dataDirectory":"/srv"}', /^upstream: msyspg is standalone/],
    ["primary", "other", /^primary: is other, and standalone names msyspg: one of them alone can be said$/],
    ["standalone", "msyspq", /^standalone: there is no server "msyspq" in this stack; allowed: msyspg$/],
  ])("refuses %s: %s", (key, value, refusal) => {
    expect(errors({ [`pgsite:${key}`]: value })).toContainEqual(expect.stringMatching(refusal));
  });

  it("refuses a second server, by both names", () => {
    const servers = {
      msyspg: { host: "momentum", dataDirectory: "/var/db/msyspg" },
      other: { host: "momentum", dataDirectory: "/srv" },
    };
    expect(errors({ "pgsite:servers": JSON.stringify(servers) })).toContainEqual(
      expect.stringMatching(/^servers\.other: msyspg is standalone: .* and other would be a second instance of it/),
    );
  });

  it("lets its OS user in by the socket under the administrator's name, and another one as postgres", () => {
    const hba = (changes: Readonly<Record<string, string>>) =>
      resolved(changes).stack?.site.servers[0]?.files["pg_hba.conf"];
    expect(hba({ "pgsite:postgresql": "15" })).toMatch(/^local +all +msyspg +peer$/m);
    expect(hba({ "pgsite:postgresql": "15", "pgsite:osUser": "pg" })).toMatch(/^local +all +postgres +peer$/m);
  });
});

describe("stack files of one project", () => {
  const description = (changes: Readonly<Record<string, string>> = {}) => {
    const { stack } = resolved(changes);
    if (stack === undefined) throw new Error("the stack does not resolve");
    return stack.description;
  };
  const found = async (own: ReturnType<typeof description>, text: string) =>
    (await checkSiblings(own, [{ stack: "other", text }])).map(({ path, message }) => `${path}: ${message}`);

  it("may not describe a database twice that exists once, whichever of them says so", async () => {
    const refusal = [
      expect.stringMatching(/^site: msyspg is of the site momentum here, and msyspg in Pulumi\.other\.yaml/),
    ];
    const several = stackText("momentum", { "pgsite:standalone": "pgsite:primary" });
    expect(await found(description(), stackText("momentum"))).toEqual(refusal);
    expect(await found(description(), several)).toEqual(refusal);
    const { "pgsite:standalone": _, ...rest } = momentum;
    const { stack } = resolveStack("momentum", { ...rest, "pgsite:primary": "msyspg" });
    expect(await found(stack?.description as never, stackText("momentum"))).toEqual(refusal);
    expect(await found(stack?.description as never, several)).toEqual([]);
  });

  it("may be of other sites, or of none that can be read", async () => {
    for (const text of [stackText("ctio"), "momentum standalone: [", "", "config: momentum"])
      expect(await found(description(), text)).toEqual([]);
  });
});

describe("an ini file", () => {
  it.each([
    ["plain", '"plain"'],
    ["se;mi # = colon", '"se;mi # = colon"'],
    ["yes", '"yes"'],
    ["it's", '"it\'s"'],
    ["a$b", "'a$b'"],
    ['a"b\\c', "'a\"b\\c'"],
  ])("has %s in quotes that keep it", (value, text) => {
    expect(renderIni([], undefined, { password: value })).toBe(`password = ${text}\n`);
  });

  it.each(["it's $5", "line\nbreak", "\u0000"])("cannot have %j", (value) => {
    expect(canBeInIni(value)).toBe(false);
    expect(() => renderIni([], undefined, { password: value })).toThrow(
      /^password cannot stand in an ini file as it is$/,
    );
  });

  it("is refused by name alone where a password cannot stand in it", () => {
    const told = errors({ "pgsite:password-ecuser": "it's $5" });
    expect(told).toEqual([expect.stringMatching(/^password-ecuser: cannot stand in clients\.files\[0\], an ini file/)]);
    expect(told.join()).not.toContain("$5");
  });
});
