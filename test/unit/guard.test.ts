import { existsSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { guardAmong, ownSystem } from "../support/guard.js";
import { Impostor, type ImpostorOptions, type Trick } from "../support/impostor.js";

const binaries = "/usr/lib/postgresql/15/bin";
const why = existsSync(join(binaries, "psql")) ? undefined : "Debian's postgresql-15 is not here";

let impostor: Impostor | undefined;
const listen = async (options: ImpostorOptions) => {
  impostor = await Impostor.listen(options);
  return impostor;
};
afterEach(async () => {
  await impostor?.close();
  impostor = undefined;
});

describe.skipIf(why !== undefined)(
  "a primary's guard, where somebody else answers for a peer, asked by psql 15",
  () => {
    const address = "127.0.219.3";
    const superseded = (sql: string) => (/IDENTIFY_SYSTEM/.test(sql) ? [[ownSystem, "9", "0/9000000", ""]] : [["off"]]);
    const meet = async (trick: Trick, more: Parameters<typeof guardAmong>[0] = {}) => {
      const other = await listen({ address, port: 5442, trick, rows: superseded });
      const guard = await guardAmong({ peer: address, programs: binaries, ...more });
      return { other, guard };
    };

    it.each(["clear", "md5", "nothing"] as const)("stays down, and gives no password away (%s)", async (trick) => {
      const { other, guard } = await meet(trick);
      expect(guard).toEqual({
        code: 3,
        said: expect.stringContaining(
          "server2 does not start: whoever may have superseded it lives and does not say (server3",
        ),
      });
      expect(other).toMatchObject({ passwords: [], queries: [] });
      expect(other.heard("repl1cator")).toBe(false);
    });

    it("starts where what answers is no PostgreSQL server", async () => {
      const { other, guard } = await meet("ready");
      expect(guard).toEqual({ code: 0, said: expect.stringContaining("server2 starts as a primary: nobody answers") });
      expect(other).toMatchObject({ passwords: [], queries: [] });
    });

    it("says nothing in clear with TLS, whatever the other one tries", async () => {
      for (const trick of ["clear", "nothing", "twoFaced"] as const) {
        const { other, guard } = await meet(trick, { tls: true });
        expect(guard.code).toBe(3);
        expect(other).toMatchObject({ plainStartups: 0, passwords: [] });
        await other.close();
      }
    });

    it("asks with what psql knows where the site is of a newer version", async () => {
      const { other, guard } = await meet("clear", { version: "18" });
      expect(guard).toEqual({ code: 3, said: expect.stringContaining("lives and does not say") });
      expect(guard.said).not.toContain("invalid connection option");
      expect(other).toMatchObject({ plainStartups: 2, passwords: [] });
    });

    it("stays down where a peer that is declared to ask for nothing says that it was superseded", async () => {
      const { guard } = await meet("nothing", { access: ["host replication all 0.0.0.0/0 trust"] });
      expect(guard).toEqual({
        code: 3,
        said: expect.stringContaining("is on timeline 9 and this data on 1: it was superseded"),
      });
    });

    // What remains without TLS before 16, as docs/tls.md and the preview say.
    it("believes one that begins as a server does, and gives it the password where it asks in clear the second time", async () => {
      expect((await meet("half")).guard.code).toBe(3);
      await impostor?.close();
      const { other } = await meet("twoFaced");
      expect(other.passwords).toEqual(["repl1cator"]);
    });
  },
);

describe.skipIf(why !== undefined)("a primary's guard, where something keeps it from knowing", () => {
  const address = "127.0.219.4";
  let there: Server | undefined;
  afterEach(() => new Promise<void>((done) => (there === undefined ? done() : there.close(() => done()))));
  /** Takes connections, and answers their first bytes by `answer`; without one it hangs up. */
  const peer = (answer?: string) =>
    new Promise<void>((done) => {
      there = createServer((socket) => {
        socket.on("error", () => socket.destroy());
        if (answer === undefined) socket.destroy();
        else socket.once("data", () => (answer === "" ? undefined : socket.end(answer)));
        setTimeout(() => socket.destroy(), 15_000).unref();
      }).listen(5442, address, done);
    });
  const nothingHere = ["psql"];
  const ask = (more: Parameters<typeof guardAmong>[0] = {}) =>
    guardAmong({ peer: address, programs: binaries, ...more });
  const bare = (more: Parameters<typeof guardAmong>[0] = {}) =>
    ask({ programs: "/nonexistent", without: nothingHere, ...more });
  const down = (words: string) => ({ code: 3, said: expect.stringContaining(words) });
  const starts = (words: string) => ({ code: 0, said: expect.stringContaining(words) });

  it("stays down where a peer takes connections and does not answer, as one does that is frozen", async () => {
    await peer("");
    expect(await ask()).toEqual(down("server3 (127.0.219.4:5442): it takes connections, and does not answer"));
  });

  it("stays down where a peer hangs up in the middle, and starts where nothing of a server is behind the port", async () => {
    await peer("N");
    expect(await ask()).toEqual(down("lives and does not say (server3"));
    there?.close();
    there = undefined;
    await peer();
    expect(await ask()).toEqual(starts("nobody answers who could say"));
  });

  it("without psql, starts where nobody lives, and stays down where somebody does", async () => {
    expect(await bare()).toEqual(starts("nobody answers who could say"));
    await peer("S");
    expect(await bare()).toEqual(down("server3 (127.0.219.4:5442): there is no psql in /nonexistent or PATH"));
  });

  it("without psql, goes by whoever starts it and has asked", async () => {
    await peer("S");
    expect(await bare({ given: { PGSITE_ASKED: "yes" } })).toEqual(
      starts("pgsite has asked whether it was superseded"),
    );
  });

  it("stays down without anything to ask by", async () => {
    expect(await bare({ without: ["psql", "bash"] })).toEqual(down("whoever may have superseded it cannot be asked"));
  });

  it.each(["od", "awk", "cut", "sed", "timeout", "grep", "tr", "cat", "stat"])(
    "stays down without %s",
    async (program) => {
      expect(await ask({ without: [program] })).toEqual({
        code: 3,
        said: expect.stringMatching(/has no|came to no answer/),
      });
    },
  );

  it("stays down where its peer's name leads nowhere", async () => {
    const nowhere = { peer: "nowhere.invalid", words: ["--dry-run"] };
    expect(await ask(nowhere)).toEqual(down("cannot be asked (server3 (nowhere.invalid:5442): could not translate"));
    expect(await bare(nowhere)).toEqual(down("cannot be asked"));
  });

  it("stays down where its own files are cut off: the control file, the peers, the settings", async () => {
    const empty = (path: string) => writeFileSync(path, "");
    const cut = ({ dataDirectory }: { dataDirectory: string }) => empty(join(dataDirectory, "global/pg_control"));
    expect(await ask({ prepare: cut })).toEqual(down("pg_control cannot be read"));
    for (const name of ["peers", "settings"]) {
      const prepare = ({ controlDirectory }: { controlDirectory: string }) =>
        rmSync(join(controlDirectory, "runbook", name));
      expect((await ask({ prepare })).code, name).toBe(3);
    }
  });
});
