import { existsSync } from "node:fs";
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
