import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import {
  type Host,
  HostTimeout,
  maximalError,
  maximalFile,
  maximalOutput,
  NotAFile,
  TooLong,
} from "../../hosts/host.js";

const names: Readonly<Record<string, string>> = {
  "a space": "two words",
  quotes: `it's "quoted"`,
  "a command": "$(touch executed)",
  backticks: "`touch executed`",
  "a variable": "$HOME $PATH !! !x",
  "a leading dash": "-rf",
  "two leading dashes": "--help",
  "a line break": "two\nlines",
  "a line break at the end": "line\n",
  unicode: "Ünïcödé ā ☃ 🐘",
  "shell characters": "a;b&c|d>e<f(g)h{i}j*k?l[m]n#o~p%q\\r",
  "a backslash at the end": "back\\",
  "a tab": "a\tb",
};

const bytes = Buffer.from(Array.from({ length: 1024 }, (_, index) => index % 256));

/** What is not there to be read, and would keep whoever opens it waiting, act, or never end: what makes it, and its name. */
const noFiles: Readonly<Record<string, readonly [kind: string, make: (path: string) => readonly string[]]>> = {
  "a FIFO": ["FIFO", (path) => ["mkfifo", path]],
  "a link to a FIFO": ["FIFO", (path) => ["sh", "-c", 'mkfifo "$0.target" && ln -s "$0.target" "$0"', path]],
  "a directory": ["directory", (path) => ["mkdir", path]],
  "a link to what never ends": ["character device", (path) => ["ln", "-s", "/dev/zero", path]],
};

/** Tests of what holds whichever way a host is reached. @param given called once the tests run @param user its OS user, not root */
export function describeHost(given: () => Host, user: string): void {
  let host: Host;
  let folder: string;

  beforeAll(async () => {
    host = given();
    folder = `/tmp/pgsite-contract-${randomBytes(4).toString("hex")}`;
    await host.makeDirectory(folder);
  }, 30_000);

  afterAll(async () => {
    await host?.remove(folder);
  });

  describe.each(Object.entries(names))("a name with %s", (_, name) => {
    it("is written, read, looked at, listed, followed and removed as it is", async () => {
      const parent = `${folder}/${randomBytes(4).toString("hex")}`;
      const path = `${parent}/${name}`;
      await host.makeDirectory(path, 0o750);
      expect(await host.stat(path)).toMatchObject({ type: "directory", mode: 0o750, owner: user });
      expect((await host.stat(parent))?.mode).toBe(0o755);
      await host.writeFile(`${path}/${name}`, bytes, { mode: 0o640 });
      const before = Date.now() - 60_000;
      const { changed, ...status } = (await host.stat(`${path}/${name}`)) ?? { changed: 0 };
      expect(status).toEqual({ type: "file", size: 1024, mode: 0o640, owner: user });
      expect(changed).toBeGreaterThan(before);
      expect(changed).toBeLessThan(Date.now() + 1000);
      expect(await host.readFile(`${path}/${name}`)).toEqual(bytes);
      expect(await host.readWithStatus(`${path}/${name}`)).toEqual({ status: { ...status, changed }, content: bytes });
      expect(await host.readBytes(`${path}/${name}`, 100, 50)).toEqual(bytes.subarray(100, 150));
      expect(await host.readTail(`${path}/${name}`, 4)).toBe(bytes.subarray(-4).toString("utf8"));
      expect(await host.list(path)).toEqual([name]);
      expect(await host.realPath(path)).toBe(path);
      expect(await host.list(parent)).toEqual([name]);
      await host.remove(path);
      expect(await host.stat(path)).toBeUndefined();
      expect(await host.list(parent)).toEqual([]);
    });

    it("is an argument, a variable's value, a folder to run in and an input as it is", async () => {
      const cwd = `${folder}/in/${name}`;
      await host.makeDirectory(cwd);
      const script = 'printf "%s|%s|%s|" "$1" "$VALUE" "$(pwd; echo .)"; cat';
      const result = await host.run(["sh", "-c", script, "sh", name], { env: { VALUE: name }, cwd, input: name });
      expect(result).toEqual({ code: 0, stdout: `${name}|${name}|${cwd}\n.|${name}`, stderr: "" });
    });
  });

  it("executed none of that", async () => {
    const { stdout } = await host.run(["find", folder, "/tmp", "/", "-maxdepth", "3", "-name", "executed"]);
    expect(stdout).toBe("");
  });

  describe("programs", () => {
    it.each([0, 1, 2, 126, 127, 255])("end with exit code %i, and what they say is kept apart", async (code) => {
      const script = `printf 'out\\n'; printf 'err\\n\\n' >&2; exit ${code}`;
      expect(await host.run(["sh", "-c", script])).toEqual({ code, stdout: "out\n", stderr: "err\n\n" });
    });

    it("that a signal ends have an exit code of 128 or more", async () => {
      expect((await host.run(["sh", "-c", "kill -TERM $$"])).code).toBeGreaterThanOrEqual(128);
    });

    it("that are not there, and folders that are not there, have exit code 127 and a reason", async () => {
      const missing = await host.run(["no-such-program"]);
      expect(missing.code).toBe(127);
      expect(missing.stderr).toContain("no-such-program");
      const nowhere = await host.run(["true"], { cwd: `${folder}/nowhere` });
      expect(nowhere.code).toBe(127);
      expect(nowhere.stderr).not.toBe("");
    });

    it("are the OS user's, in the C locale, with nothing on standard input", async () => {
      const { stdout } = await host.run(["sh", "-c", 'id -un; echo "$LC_ALL $HOME $LOGNAME"; cat; pwd']);
      const [who, about, where] = stdout.split("\n");
      expect([who, where]).toEqual([user, "/"]);
      expect(about).toMatch(new RegExp(`^C /\\S+ ${user}$`));
    });

    it("take and give a great deal", async () => {
      const input = randomBytes(8 * 1024 * 1024).toString("base64");
      const { stdout } = await host.run(["cat"], { input });
      expect(stdout === input).toBe(true);
      const ended = await host.run(["true"], { input });
      expect(ended.code).toBe(0);
    });

    it("run at once, as many as are asked for", async () => {
      const results = await Promise.all(
        Array.from({ length: 25 }, (_, index) => host.run(["sh", "-c", `sleep 0.2; echo ${index}`])),
      );
      expect(results.map(({ stdout, stderr }) => stdout + stderr)).toEqual(results.map((_, index) => `${index}\n`));
    }, 30_000);

    it("that do not end in time are ended, and it is said", async () => {
      const started = Date.now();
      const running = host.run(["sh", "-c", `echo $$ >${folder}/slow; exec sleep 1000`], { timeout: 1000 });
      await expect(running).rejects.toThrow(new HostTimeout(host.name, "sh", 1000));
      expect(Date.now() - started).toBeLessThan(5000);
      await gone(`${folder}/slow`);
    });

    it("end when they are told to", async () => {
      const stop = new AbortController();
      const running = host.run(["sh", "-c", `echo $$ >${folder}/told; exec sleep 1000`], { signal: stop.signal });
      await vi.waitFor(async () => expect(await host.readFile(`${folder}/told`)).toBeDefined(), 5000);
      stop.abort();
      expect((await running).code).toBeGreaterThanOrEqual(128);
      await gone(`${folder}/told`);
    });

    it("stream in both directions while they run", async () => {
      const program = await host.spawn([
        "sh",
        "-c",
        'while read -r line; do echo "got $line"; done; echo end >&2; exit 3',
      ]);
      const answers = program.stdout.setEncoding("utf8")[Symbol.asyncIterator]();
      program.stdin.write("one\n");
      expect((await answers.next()).value).toBe("got one\n");
      program.stdin.write("two\n");
      expect((await answers.next()).value).toBe("got two\n");
      program.stdin.end();
      expect((await answers.next()).done).toBe(true);
      expect(await program.ended).toEqual({ code: 3, stderr: "end\n" });
    });

    it("give bytes as they are, held back as long as nobody takes them", async () => {
      const program = await host.spawn(["head", "-c", "20000000", "/dev/urandom"]);
      await sleep(300);
      let size = 0;
      for await (const chunk of program.stdout) size += (chunk as Buffer).length;
      expect(size).toBe(20_000_000);
      expect((await program.ended).code).toBe(0);
    });

    it("that print without end are ended, and it is said", async () => {
      const running = host.run(["cat", "/dev/zero"], { timeout: 20_000 });
      await expect(running).rejects.toThrow(new TooLong(host.name, "cat", maximalOutput));
    }, 30_000);

    it("that complain without end are heard to their end, and the last of it is kept", async () => {
      const script = "head -c 3000000 /dev/zero | tr '\\0' x >&2; echo end >&2; exit 3";
      const { code, stderr } = await host.run(["sh", "-c", script]);
      expect([code, stderr.slice(-5), stderr.length < maximalError + 100]).toEqual([3, "xend\n", true]);
      const program = await host.spawn(["sh", "-c", script]);
      program.stdin.end();
      program.stdout.resume();
      const ended = await program.ended;
      expect([ended.code, ended.stderr.slice(-5), ended.stderr.length < maximalError + 100]).toEqual([
        3,
        "xend\n",
        true,
      ]);
    });

    it("are ended by kill", async () => {
      const program = await host.spawn(["sleep", "1000"]);
      program.kill();
      expect((await program.ended).code).toBeGreaterThanOrEqual(128);
    });
  });

  describe("files", () => {
    it("that are not there are undefined, whatever is asked", async () => {
      await host.writeFile(`${folder}/file`, "content");
      for (const path of [`${folder}/nothing`, `${folder}/nothing/below`, `${folder}/file/below`]) {
        expect(await host.readFile(path)).toBeUndefined();
        expect(await host.readWithStatus(path)).toBeUndefined();
        expect(await host.readBytes(path, 0, 8)).toBeUndefined();
        expect(await host.readBytes(path, 5, 8)).toBeUndefined();
        expect(await host.readTail(path, 8)).toBeUndefined();
        expect(await host.stat(path)).toBeUndefined();
        expect(await host.realPath(path)).toBeUndefined();
        expect(await host.list(path)).toBeUndefined();
        await host.remove(path).catch(() => undefined);
      }
      expect(await host.list(`${folder}/file`)).toBeUndefined();
    });

    it("that may not be read are an error, not an absence", async () => {
      const path = `${folder}/closed`;
      await host.writeFile(path, "content", { mode: 0o000 });
      await host.makeDirectory(`${folder}/shut`, 0o000);
      await expect(host.readFile(path)).rejects.toThrow(/permission denied/i);
      await expect(host.readBytes(path, 3, 3)).rejects.toThrow(/permission denied/i);
      await expect(host.list(`${folder}/shut`)).rejects.toThrow(/permission denied/i);
      await expect(host.stat(`${folder}/shut/x`)).rejects.toThrow(/permission denied/i);
      await expect(host.writeFile(`${folder}/shut/x`, "y")).rejects.toThrow(/permission denied/i);
      await host.run(["chmod", "700", `${folder}/shut`]);
    });

    it("and folders are told apart; reading a folder is an error", async () => {
      await expect(host.readFile(folder)).rejects.toThrow(new NotAFile(host.name, folder, "directory"));
      expect((await host.stat("/dev/null"))?.type).toBe("other");
      expect((await host.stat("/etc/passwd"))?.owner).toBe("root");
    });

    it("are replaced whole, by a new one", async () => {
      const path = `${folder}/replaced`;
      await host.writeFile(path, "old");
      const inode = async () => (await host.run(["stat", "-c", "%i", path])).stdout;
      const before = await inode();
      await host.writeFile(path, "new");
      expect((await host.readFile(path))?.toString()).toBe("new");
      expect(await inode()).not.toBe(before);
      expect((await host.stat(path))?.mode).toBe(0o600);
      expect((await host.list(folder))?.filter((name) => name.endsWith("pgsite-new"))).toEqual([]);
    });

    it("are empty where they are empty, and as large as they are", async () => {
      await host.writeFile(`${folder}/empty`, "");
      expect(await host.readFile(`${folder}/empty`)).toEqual(Buffer.alloc(0));
      expect(await host.readBytes(`${folder}/empty`, 10, 10)).toEqual(Buffer.alloc(0));
      expect(await host.readTail(`${folder}/empty`, 10)).toBe("");
      const large = randomBytes(5_000_000);
      await host.writeFile(`${folder}/large`, large);
      expect((await host.readFile(`${folder}/large`))?.equals(large)).toBe(true);
      expect((await host.readBytes(`${folder}/large`, 4_999_990, 100))?.equals(large.subarray(-10))).toBe(true);
    });

    it("of /proc, whose size nobody knows, are read whole", async () => {
      expect((await host.readFile("/proc/self/comm"))?.length).toBeGreaterThan(0);
    });

    it("behind symbolic links are followed, and a link that leads nowhere is nothing", async () => {
      await host.makeDirectory(`${folder}/target`);
      await host.run(["ln", "-s", `${folder}/target`, `${folder}/link`]);
      await host.run(["ln", "-s", "nowhere", `${folder}/dangling`]);
      expect((await host.stat(`${folder}/link`))?.type).toBe("directory");
      expect(await host.realPath(`${folder}/link/../link`)).toBe(`${folder}/target`);
      expect(await host.list(`${folder}/link`)).toEqual([]);
      expect(await host.stat(`${folder}/dangling`)).toBeUndefined();
      expect(await host.realPath(`${folder}/dangling`)).toBeUndefined();
    });

    it("are listed in order, hidden ones too", async () => {
      await host.makeDirectory(`${folder}/listed`);
      for (const name of ["b", "a", ".hidden", "Z", "é"]) await host.writeFile(`${folder}/listed/${name}`, "");
      expect(await host.list(`${folder}/listed`)).toEqual([".hidden", "Z", "a", "b", "é"]);
    });

    it.each(Object.entries(noFiles))(
      "are not read where %s stands in their place, and nothing waits for it",
      async (_, one) => {
        const [kind, make] = one;
        const path = `${folder}/${randomBytes(4).toString("hex")}`;
        expect((await host.run(make(path))).code).toBe(0);
        const began = Date.now();
        const refused = new NotAFile(host.name, path, kind);
        await expect(host.readFile(path)).rejects.toThrow(refused);
        await expect(host.readBytes(path, 0, 8)).rejects.toThrow(refused);
        await expect(host.readBytes(path, 5, 8)).rejects.toThrow(refused);
        await expect(host.readTail(path, 8)).rejects.toThrow(refused);
        expect((await host.stat(path))?.type).toBe(kind === "directory" ? "directory" : "other");
        expect(Date.now() - began).toBeLessThan(3000);
        if (kind === "directory") return;
        // It gives way to a file, and to nothing.
        await host.writeFile(path, "content");
        expect((await host.readFile(path))?.toString()).toBe("content");
        await host.run(["rm", path]);
        await host.run(make(path));
        await host.remove(path);
        expect(await host.stat(path)).toBeUndefined();
      },
    );

    it("that are too long to be read whole are refused with their name, and their ends are read", async () => {
      const path = `${folder}/long`;
      await host.run(["sh", "-c", 'truncate -s 1T "$0" && printf end >>"$0"', path]);
      await expect(host.readFile(path)).rejects.toThrow(new TooLong(host.name, `reading ${path}`, maximalFile));
      await host.run(["truncate", "-s", `${maximalFile + 1}`, path]);
      await expect(host.readFile(path)).rejects.toThrow(new TooLong(host.name, `reading ${path}`, maximalFile));
      await host.run(["sh", "-c", 'truncate -s 1T "$0" && printf end >>"$0"', path]);
      expect(await host.readTail(path, 3)).toBe("end");
      expect(await host.readBytes(path, 0, 3)).toEqual(Buffer.alloc(3));
      await host.run(["truncate", "-s", `${maximalFile}`, path]);
      expect((await host.readFile(path))?.length).toBe(maximalFile);
    }, 30_000);

    it("are read at once however much longer one is than another", async () => {
      const path = `${folder}/several`;
      const text = "0123456789".repeat(20_000);
      await host.writeFile(path, text);
      // Each answer comes on two streams, of which one may be ahead of the other.
      const read = Array.from({ length: 200 }, (_, index) =>
        index % 2 === 0 ? host.readBytes(path, index, 8) : host.readFile(path),
      );
      const lengths = (await Promise.all(read)).map((content) => content?.length);
      expect(lengths).toEqual(read.map((_, index) => (index % 2 === 0 ? 8 : text.length)));
    });

    it("behind links are the OS user's to read and to change, and nobody else's", async () => {
      const link = `${folder}/etc`;
      await host.run(["ln", "-s", "/etc", link]);
      await host.run(["ln", "-s", "/etc/shadow", `${folder}/shadow`]);
      expect((await host.readFile(`${link}/passwd`))?.length).toBeGreaterThan(0);
      const denied = /permission denied/i;
      await expect(host.readFile(`${folder}/shadow`)).rejects.toThrow(denied);
      await expect(host.readWithStatus(`${folder}/shadow`)).rejects.toThrow(denied);
      await expect(host.readBytes(`${folder}/shadow`, 0, 8)).rejects.toThrow(denied);
      await expect(host.readTail(`${folder}/shadow`, 8)).rejects.toThrow(denied);
      await expect(host.writeFile(`${link}/pgsite-contract`, "content")).rejects.toThrow(denied);
      await expect(host.makeDirectory(`${link}/pgsite-contract/below`)).rejects.toThrow(denied);
      await expect(host.remove(`${link}/passwd`)).rejects.toThrow(denied);
      // What is written takes the link's place; what is removed is the link.
      await host.writeFile(`${folder}/shadow`, "ours");
      expect((await host.readFile(`${folder}/shadow`))?.toString()).toBe("ours");
      await host.remove(link);
      expect(await host.stat(link)).toBeUndefined();
      expect((await host.stat("/etc/passwd"))?.owner).toBe("root");
      expect(await host.stat("/etc/pgsite-contract")).toBeUndefined();
    });

    it("stay where a folder is to be made, and it is said", async () => {
      await host.writeFile(`${folder}/taken`, "content");
      await expect(host.makeDirectory(`${folder}/taken`)).rejects.toThrow(/exists/i);
      expect((await host.readFile(`${folder}/taken`))?.toString()).toBe("content");
    });

    it("and folders that are there already are left as they are", async () => {
      await host.makeDirectory(`${folder}/kept`, 0o711);
      await host.makeDirectory(`${folder}/kept`, 0o700);
      expect((await host.stat(`${folder}/kept`))?.mode).toBe(0o711);
    });
  });

  /** The program whose process id stands in a file runs no more. */
  async function gone(path: string): Promise<void> {
    const pid = (await host.readFile(path))?.toString().trim();
    expect(pid).toMatch(/^\d+$/);
    await vi.waitFor(async () => expect((await host.run(["kill", "-0", `${pid}`])).code).not.toBe(0), 6000);
  }
}
