import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { newLinkName, replacedName } from "../../../config/controlDirectory.js";
import { canBeInIni, renderIni } from "../../../config/ini.js";
import type { Application, Viewers } from "../../../config/viewers.js";
import { httpdWord, pythonString } from "../../../installed/viewers/quote.js";
import { httpdFiles, viewersFiles } from "../../../installed/viewers/render.js";
import { httpdWords } from "../../../servers/viewers/install.js";
import { parseLook } from "../../../servers/viewers/look.js";
import { checkout } from "../../../toolchain/paths.mjs";

const golden = join(checkout, "test", "unit", "golden");
const folder = "/usr/remote/software/www";
const products = "/usr/remote/software/products";
const logs = "/data_local/web_logs";

function wsgi(name: string, configuration?: string): Application {
  const current = `${products}/${name}/current`;
  return {
    kind: "wsgi",
    name,
    url: `/${name}`,
    current,
    script: `${current}/wsgi/${name}.wsgi`,
    processes: 2,
    threads: 5,
    pythonPath: [],
    directives: [],
    ...(configuration === undefined ? {} : { configuration }),
  };
}

/** The guide's viewers, as the committed stack has them; ConstantsDB with one of everything. */
function viewers(version: "2.2" | "2.4"): Viewers {
  const ecl = `${products}/ECL/current`;
  return {
    site: "sispi",
    host: { name: "system1", transport: "ssh", address: "192.0.2.50", user: "codemanager" },
    folder,
    html: `${folder}/html`,
    logs,
    products,
    bin: `${folder}/bin`,
    httpd: {
      version,
      program: "/usr/sbin/httpd",
      modules: "/etc/httpd/modules",
      wsgi: `${products}/mod_wsgi/current/mod_wsgi.so`,
      python: `${products}/mod_python/current/mod_python.so`,
      mpm: "prefork",
      listen: "8080",
      ...(version === "2.4" ? { pythonPort: 8090 } : {}),
      serverName: "192.0.2.50:8080",
      directives: ["MaxKeepAliveRequests 100"],
    },
    applications: [
      wsgi("AV", "des_alarms.cfg"),
      {
        ...wsgi("ConstantsDB", "constants.cfg"),
        version: "v1_2",
        pythonHome: `${products}/ConstantsDB/python`,
        pythonPath: [`${products}/one`, `${products}/other`],
        directives: ['Header set X-Viewer "ConstantsDB"'],
      } as Application,
      {
        kind: "mod_python",
        name: "ECL",
        url: "/ECL",
        current: ecl,
        script: `${ecl}/ECL.py`,
        sessions: `${logs}/tmp/mp_sessions`,
        directives: [],
      },
      wsgi("QE"),
      wsgi("TV", "des_tv.cfg"),
    ],
    configurations: ["constants.cfg", "des_alarms.cfg", "des_tv.cfg"].map((name) => ({
      name,
      section: "database",
      quotes: name === "des_tv.cfg",
      mode: 0o600,
      database: "decam_prd",
      ...(name === "constants.cfg" ? { role: "viewer" } : {}),
      options: name === "constants.cfg" ? { connect_timeout: "5" } : {},
    })),
    servers: [
      { name: "server2", address: "192.0.2.2", port: 5442 },
      { name: "server3", address: "2001:db8::3", port: 5442 },
    ],
    links: {},
    boot: true,
    rehearsed: false,
  };
}

const has = (program: string) => spawnSync("sh", ["-c", `command -v ${program}`]).status === 0;

describe("the viewers' files", () => {
  it.each(["2.2", "2.4"] as const)("are those of the golden files in the dialect of %s", async (version) => {
    const all = await viewersFiles(viewers(version), { viewer: "it's a#word;" });
    const files =
      version === "2.4"
        ? all.filter(({ content }) => !/^#(!| shellcheck)/.test(content))
        : httpdFiles(viewers(version));
    const place = join(golden, `viewers-${version}`);
    const named = files.map(({ path, content }) => [relative(folder, path), content] as const);
    if (process.env.GOLDEN === "write") {
      for (const [name, content] of named) {
        mkdirSync(dirname(join(place, name)), { recursive: true });
        writeFileSync(join(place, name), content);
      }
    }
    const there = readdirSync(place, { recursive: true, encoding: "utf8" }).filter(
      (name) => /\.[a-z_0-9]+$/.test(name) && !name.endsWith("conf.d"),
    );
    expect(named.map(([name]) => name).sort()).toEqual(there.sort());
    for (const [name, content] of named) expect(content, name).toBe(readFileSync(join(place, name), "utf8"));
  });

  it("have passwords in no file that others read, and in none that httpd or a program reads as a whole", async () => {
    const files = await viewersFiles(viewers("2.4"), { viewer: "canary" });
    const holding = files.filter(({ content }) => content.includes("canary"));
    expect(holding.map(({ path, mode, kind }) => `${relative(folder, path)} ${mode.toString(8)} ${kind}`)).toEqual([
      "html/cfg/constants.cfg_server2 600 secret",
      "html/cfg/constants.cfg_server3 600 secret",
      "bin/viewers.passfile 600 secret",
    ]);
  });

  it("keep httpd's configuration free of paths that say where it lies, so that it can be tried elsewhere", () => {
    for (const { content } of httpdFiles(viewers("2.4"))) {
      expect(content).not.toMatch(/ServerRoot/);
      for (const [, path] of content.matchAll(/^Include (.*)$/gm)) expect(path).toMatch(/^"conf\.d\/\w+\.conf"$/);
    }
  });
});

describe("words of httpd's configuration", () => {
  it("come out of their quotes as they went in, or are refused", () => {
    const back = (word: string) => word.slice(1, -1).replaceAll(/\\(["\\])/g, "$1");
    fc.assert(
      fc.property(fc.string(), (text) => {
        // biome-ignore lint/suspicious/noControlCharactersInRegex: these are refused
        if (/[\x00-\x1f\x7f]/.test(text) || text.includes("${")) expect(() => httpdWord(text)).toThrow();
        else expect(back(httpdWord(text))).toBe(text);
      }),
    );
  });

  it("are Python's own strings where Python reads them", (context) => {
    if (!has("python3")) context.skip("python3 is not here");
    const texts = ["it's", "a\\b", 'x"y', "é"];
    const program = `import sys\nprint([${texts.map(pythonString).join(", ")}] == sys.argv[1:])`;
    expect(
      execFileSync("python3", ["-c", program, ...texts])
        .toString()
        .trim(),
    ).toBe("True");
  });
});

describe("a configuration that Python's configparser reads", () => {
  it("gives each value that it takes as it went in, to both of its parsers", (context) => {
    if (!has("python3")) context.skip("python3 is not here");
    const taken = fc
      .sample(fc.string({ unit: "grapheme-ascii", maxLength: 12 }), { numRuns: 300, seed: 18 })
      .filter((value) => canBeInIni(value, false));
    const values = Object.fromEntries(
      ['it\'s "x" \\ $y {z}', "a;b#c", "", ...taken].map((value, index) => [`v${index}`, value]),
    );
    const text = renderIni(["a heading"], "database", values, false);
    const program = `import configparser, json, sys
given = json.loads(sys.argv[1])
for kind in configparser.RawConfigParser, configparser.ConfigParser:
    read = kind(inline_comment_prefixes=(";", "#"))
    read.read_string(sys.argv[2])
    assert dict(read["database"]) == given, [(k, v, read["database"][k]) for k, v in given.items() if read["database"][k] != v]`;
    expect(spawnSync("python3", ["-c", program, JSON.stringify(values), text]).stderr.toString()).toBe("");
  });
});

describe("the viewers' programs", () => {
  const place = join(checkout, "installed", "viewers");
  it.each(["viewers", "follow-primary", "viewers.common"])("%s: dash and shellcheck take it", (name) => {
    const run = (program: string, ...args: readonly string[]) =>
      spawnSync(program, [...args, join(place, name)], { encoding: "utf8" });
    expect(run("dash", "-n")).toMatchObject({ status: 0, stderr: "" });
    if (has("shellcheck")) expect(run("shellcheck", "-s", "sh").stdout).toBe("");
  });

  it("say the names that pgsite says", () => {
    const text = readFileSync(join(place, "follow-primary"), "utf8");
    expect(text).toContain(`\${1%/*}/${newLinkName("NAME")}`.replace("NAME", `\${1##*/}`));
    expect(text).toContain(`"${replacedName("$1")}"`);
    expect(existsSync(join(place, "viewers"))).toBe(true);
  });
});

describe("what the host says of the viewers", () => {
  const rest = "ext2/ext3\nruns\nabc\n\ndef\n";
  it("is read whatever stands in a link, and where nothing is there", () => {
    const entry = ["/a/link", "l", "f", "777", "codemanager", "/x\ny"].join("\0");
    const sum = "0".repeat(64);
    const look = parseLook(`${entry}\0\0${rest}${sum}  /a/file\n`);
    expect(look.entries.get("/a/link")).toEqual({
      type: "l",
      leadsTo: "f",
      mode: 0o777,
      owner: "codemanager",
      target: "/x\ny",
    });
    expect([look.httpd, look.fileSystem, look.sums.get("/a/file")]).toEqual([
      { "": { runs: true, inForce: "abc" }, "-python": { runs: false, inForce: "def" } },
      "ext2/ext3",
      sum,
    ]);
    const nothing = { runs: false, inForce: "" };
    expect(parseLook("\0\n\n\n\n\n")).toEqual({
      entries: new Map(),
      sums: new Map(),
      httpd: { "": nothing, "-python": nothing },
      fileSystem: "",
    });
  });

  it("of a configuration that httpd does not take is one line, with the paths that the files are to have", () => {
    const said = `AH00558: apache2: Could not reliably determine the name\nAH00526: Syntax error on line 3 of /w/.staged/conf.d/TV.conf:\nInvalid command 'Foo'\n`;
    expect(httpdWords(said, "/w/.staged", "/w")).toBe(
      "AH00526: Syntax error on line 3 of /w/conf.d/TV.conf: Invalid command 'Foo'",
    );
  });
});
