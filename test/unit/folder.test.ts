import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { installNames } from "../../config/controlDirectory.js";
import { type Host, NotAFile } from "../../hosts/host.js";
import { hostOf } from "../../hosts/index.js";
import { closeSessions } from "../../hosts/shell/sessions.js";
import {
  declaredFiles,
  type FileSet,
  foreignFiles,
  installFiles,
  NotOurs,
  readFiles,
  removeFiles,
} from "../../installed/folder.js";
import { compare, listingText, parseListing } from "../../installed/listing.js";
import { checkout } from "../../toolchain/paths.mjs";
import { serverFolder, serverUser } from "../support/serverUser.js";

let parent: string;
let user: string;
let host: Host;
let folder: string;

beforeAll(async () => {
  parent = await serverFolder("/tmp/pgsite-folder-");
  user = await serverUser();
  host = hostOf({ name: "here", transport: "local", address: "", user });
});
let count = 0;
beforeEach(() => {
  folder = join(parent, `it's ${count++}; touch pwned`, "set");
});
afterAll(async () => {
  await closeSessions();
  rmSync(parent, { recursive: true, force: true });
});

const content = (path: string) => readFileSync(join(folder, path), "utf8");
const inode = (path: string) => statSync(join(folder, path)).ino;
const mode = (path: string) => (statSync(join(folder, path)).mode & 0o777).toString(8);

/** Three files of which each says the generation. */
function set(generation: number, more: Partial<FileSet> = {}): FileSet {
  const text = (name: string) => `${name} of generation ${generation}\n`;
  const files = {
    "a file": { content: text("a"), mode: 0o600 },
    "-b": { content: text("b"), mode: 0o700 },
    constant: { content: "the same\n", mode: 0o600 },
  };
  return { folder, kind: "ours", owner: user, files, ...more };
}

/** So many that one program reads them. */
function ten(): FileSet {
  const names = Array.from({ length: 10 }, (_, index) => `-${index}`);
  return set(1, { files: Object.fromEntries(names.map((name) => [name, { content: `${name}\n`, mode: 0o600 }])) });
}

describe("a folder of files on a host", () => {
  /** The host as one that is not near, and what of it is called. */
  function far(): { readonly host: Host; readonly calls: string[] } {
    const calls: string[] = [];
    const proxy = new Proxy(host, {
      get(target, name) {
        const member = name === "near" ? false : (Reflect.get(target, name, target) as unknown);
        if (typeof member !== "function") return member;
        calls.push(String(name));
        return member.bind(target);
      },
    });
    return { host: proxy, calls };
  }

  it("is read file by file, or by one program where there are many on a host that is not near", async () => {
    await installFiles(host, set(1));
    const few = far();
    expect((await readFiles(few.host, set(1))).size).toBe(3);
    expect(few.calls).toEqual(Array(3).fill("readWithStatus"));
    await installFiles(host, ten());
    const many = far();
    expect(listingText(await readFiles(many.host, ten()))).toBe(listingText(declaredFiles(ten())));
    expect(many.calls).toEqual(["run"]);
    expect(listingText(await readFiles(host, ten()))).toBe(listingText(declaredFiles(ten())));
  });

  it.each([
    ["near", () => host],
    ["not near", () => far().host],
  ])("of many files says what is missing, changed, linked, or no file at all (%s)", async (_, on) => {
    expect((await readFiles(on(), ten())).size).toBe(0);
    await installFiles(host, ten());
    rmSync(join(folder, "-1"));
    writeFileSync(join(folder, "-2"), "by hand");
    chmodSync(join(folder, "-3"), 0o644);
    renameSync(join(folder, "-4"), join(folder, "elsewhere"));
    symlinkSync("elsewhere", join(folder, "-4"));
    const differences = [
      { kind: "missing", name: "-1" },
      { kind: "content", name: "-2" },
      { kind: "permissions", name: "-3", is: `0644 ${user}`, shall: `0600 ${user}` },
    ];
    expect(compare(declaredFiles(ten()), await readFiles(on(), ten()))).toEqual(differences);
    symlinkSync("nowhere", join(folder, "-1"));
    expect(compare(declaredFiles(ten()), await readFiles(on(), ten()))).toEqual(differences);
    rmSync(join(folder, "-1"));
    mkdirSync(join(folder, "-1"));
    await expect(readFiles(on(), ten())).rejects.toThrow(NotAFile);
  });

  it("is made for its owner alone, and is then as declared", async () => {
    await installFiles(host, set(1));
    expect(readdirSync(folder).sort()).toEqual(["-b", "a file", "constant"]);
    expect([mode("."), mode("-b"), mode("a file")]).toEqual(["700", "700", "600"]);
    expect(statSync(folder).uid).toBe(statSync(parent).uid);
    expect(listingText(await readFiles(host, set(1)))).toBe(listingText(declaredFiles(set(1))));
  });

  it("shows what differs, one difference a file, and only that is written anew", async () => {
    await installFiles(host, set(1));
    writeFileSync(join(folder, "a file"), "by hand");
    chmodSync(join(folder, "-b"), 0o755);
    const before = inode("constant");
    expect(compare(declaredFiles(set(1)), await readFiles(host, set(1)))).toEqual([
      { kind: "content", name: "a file" },
      { kind: "permissions", name: "-b", is: `0755 ${user}`, shall: `0700 ${user}` },
    ]);
    rmSync(join(folder, "a file"));
    expect(compare(declaredFiles(set(1)), await readFiles(host, set(1)))[0]).toEqual({
      kind: "missing",
      name: "a file",
    });
    await installFiles(host, set(1));
    expect(compare(declaredFiles(set(1)), await readFiles(host, set(1)))).toEqual([]);
    expect(inode("constant")).toBe(before);
  });

  it("goes with what is as declared; what was changed and what is not ours stays, and is said", async () => {
    await installFiles(host, set(1));
    writeFileSync(join(folder, "a file"), "by hand");
    writeFileSync(join(folder, "notes"), "somebody's");
    expect(await foreignFiles(host, set(1))).toEqual(["notes"]);
    expect(await removeFiles(host, set(1))).toEqual([
      { path: join(folder, "a file"), because: "changed" },
      { path: join(folder, "notes"), because: "foreign" },
    ]);
    expect(readdirSync(folder).sort()).toEqual(["a file", "notes"]);
    rmSync(join(folder, "a file"));
    rmSync(join(folder, "notes"));
    await installFiles(host, set(1));
    expect(await removeFiles(host, set(1))).toEqual([]);
    expect(existsSync(folder)).toBe(false);
    expect(await removeFiles(host, set(1))).toEqual([]);
  });

  it("that others use as well is left to them: a file with our mark is ours though edited, any other is not touched", async () => {
    const shared = { kind: "shared", mark: "Written by pgsite" } as const;
    const files = {
      one: { content: "# Written by pgsite\n1\n", mode: 0o644 },
      two: { content: "# Written by pgsite\n2\n", mode: 0o644 },
    };
    await host.makeDirectory(folder);
    await host.writeFile(join(folder, "two"), "somebody's");
    await expect(installFiles(host, set(1, { ...shared, files }))).rejects.toThrow(NotOurs);
    expect(readdirSync(folder)).toEqual(["two"]);
    rmSync(join(folder, "two"));
    await installFiles(host, set(1, { ...shared, files }));
    writeFileSync(join(folder, "one"), "# Written by pgsite\nedited\n");
    writeFileSync(join(folder, "two"), "replaced");
    writeFileSync(join(folder, "three"), "somebody's");
    expect(await removeFiles(host, set(1, { ...shared, files }))).toEqual([
      { path: join(folder, "two"), because: "changed" },
    ]);
    expect(readdirSync(folder).sort()).toEqual(["three", "two"]);
  });

  it("is acted on as its owner, or not at all", async () => {
    await expect(installFiles(host, set(1, { owner: "somebody" }))).rejects.toThrow(
      `${folder} on here belongs to somebody, and we are ${user} there`,
    );
    expect(existsSync(folder)).toBe(false);
  });

  it("has nothing of an install that was cut off before all was written, and all of one that was cut off later", async () => {
    await installFiles(host, set(1));
    // Cut off while files are written: the next install begins anew.
    await host.makeDirectory(join(folder, installNames.incoming));
    await host.writeFile(join(folder, installNames.incoming, "a file"), "half");
    await installFiles(host, set(2));
    expect([content("a file"), content("-b")]).toEqual(["a of generation 2\n", "b of generation 2\n"]);
    // Cut off while they take their places: what is declared now counts, and what waited goes.
    await host.makeDirectory(join(folder, installNames.installing));
    await host.writeFile(join(folder, installNames.installing, "-b"), "of another set");
    await installFiles(host, set(2));
    expect(readdirSync(folder).sort()).toEqual(["-b", "a file", "constant"]);
    expect(content("-b")).toBe("b of generation 2\n");
  });

  it("is kept in a state as text, from which the same is read", () => {
    const permissions = fc
      .tuple(fc.constantFrom("0600", "0755", "1777"), fc.stringMatching(/^[a-z_][a-z0-9_-]{0,8}$/))
      .map((both) => both.join(" "));
    const facts = fc.record({ permissions, hash: fc.stringMatching(/^[0-9a-f]{16}$/) });
    const name = fc.string({ minLength: 1, maxLength: 12 }).filter((text) => !/[\n\r\u2028\u2029]/.test(text));
    fc.assert(
      fc.property(fc.uniqueArray(fc.tuple(name, facts), { selector: ([each]) => each }), (entries) => {
        expect(new Map([...parseListing(listingText(new Map(entries)))])).toEqual(new Map(entries));
      }),
    );
  });
});

/** The real guard with files beside it that all say their generation, and say at the end which ones they were. */
function guardSet(generation: number): FileSet {
  const guard = readFileSync(join(checkout, "installed", "runbook", "guard"), "utf8");
  const shared = `
. "$here/settings"
sleep 0.0$((generation % 4))
peers=$(cat "$here/peers")
eval "$peers"
user=$(id -un) data=/nowhere dry=yes
trap 'echo "$of_guard $of_common $of_settings $of_peers"' EXIT
`;
  const files = {
    settings: { content: `generation=${generation} of_settings=${generation}\n`, mode: 0o600 },
    peers: { content: `of_peers=${generation}\n`, mode: 0o600 },
    "common.sh": { content: `of_common=${generation}\n${shared}`, mode: 0o600 },
    guard: { content: guard.replace("#!/bin/sh\n", `#!/bin/sh\nof_guard=${generation}\n`), mode: 0o700 },
  };
  return { folder, kind: "ours", owner: user, files };
}

const runGuard = async () => {
  const { code, stdout, stderr } = await host.run([join(folder, "guard")]);
  return { code, said: stdout.trim(), stderr };
};

describe("a guard that runs while its files are replaced", () => {
  it("goes by files of one set", async () => {
    await installFiles(host, guardSet(0));
    let isOver = false;
    const said: string[] = [];
    const starting = async () => {
      while (!isOver) {
        const ran = await runGuard();
        expect(ran).toMatchObject({ code: 0, stderr: "" });
        said.push(ran.said);
      }
    };
    const starts = Promise.all([starting(), starting()]);
    // On a machine with much to do a guard takes longer than several installs.
    const enough = (generation: number) => generation > 12 && (new Set(said).size > 3 || generation > 300);
    for (let generation = 1; !enough(generation); generation++) await installFiles(host, guardSet(generation));
    isOver = true;
    await starts;
    expect(said.filter((line) => new Set(line.split(" ")).size !== 1)).toEqual([]);
    expect(new Set(said).size).toBeGreaterThan(3);
  }, 60_000);

  it("finishes what a power cut interrupted, and goes by that", async () => {
    await installFiles(host, guardSet(1));
    await host.makeDirectory(join(folder, installNames.installing));
    for (const [name, file] of Object.entries(guardSet(2).files))
      await host.writeFile(join(folder, installNames.installing, name), file.content, file);
    // One of them had its place already.
    renameSync(join(folder, installNames.installing, "settings"), join(folder, "settings"));
    const isRoot = (await host.run(["id", "-u"])).stdout.trim() === "0";
    if (!isRoot) {
      expect(await runGuard()).toEqual({ code: 0, said: "2 2 2 2", stderr: "" });
      expect(existsSync(join(folder, installNames.installing))).toBe(false);
    }
    expect(compare(declaredFiles(guardSet(2)), await readFiles(host, guardSet(2)))).toEqual([]);
  });
});
