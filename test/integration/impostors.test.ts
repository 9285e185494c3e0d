import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { makeAuthority, makeCertificate } from "../../postgres/certificates/make.js";
import { Impostor, type ImpostorOptions } from "../support/impostor.js";
import { LocalSite } from "../support/localSite.js";

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
  `a site with TLS, of which a server is down and somebody else listens there${why ? ` (${why})` : ""}`,
  { timeout: 120_000 },
  () => {
    let site: LocalSite;

    beforeAll(async () => {
      const settings = { log_connections: true, wal_retrieve_retry_interval: "200ms" };
      const description = {
        binaries,
        tls: { certificates: "made" },
        servers: { server3: { role: "mirror" } },
        settings,
      };
      site = await LocalSite.make({ major: "15", block: 217, description });
      await site.up();
    }, 120_000);

    afterAll(() => site?.remove(), 60_000);

    const pgsite = async (...words: readonly string[]) => {
      const { program, env } = site.sandbox;
      const argv = ["dist/pgsite.js", ...words, "--stack", "site"];
      const { stdout, stderr } = await execa(process.execPath, argv, {
        cwd: program,
        env,
        extendEnv: false,
        reject: false,
      });
      return `${stdout}${stderr}`;
    };
    /** Whoever logged in without TLS, by all servers' own logs. */
    const plainLogins = () =>
      ["server2", "server3"].flatMap((server) =>
        readFileSync(join(site.controlDirectory(server), "start.log"), "utf8")
          .split("\n")
          .filter(
            (line) =>
              /connection authorized: /.test(line) && !/SSL enabled/.test(line) && !/application_name=pg_/.test(line),
          ),
      );

    it("is brought up, previewed and told of without one login in clear", async () => {
      await site.preview();
      expect(await pgsite("status")).toContain("server3");
      expect(plainLogins()).toEqual([]);
    });

    it("is asked nothing by what an older pgsite wrote down, which did not say what is to be proven, until the next up", async () => {
      await site.imported(withoutProofs(JSON.parse(await site.exported())));
      const said = await site.preview();
      expect(said).toContain(
        `server3 (${site.address("server3")}:5442) is not asked: what it must prove is recorded by the next pulumi up`,
      );
      await site.up();
      expect(await site.preview()).toMatch(/Resources:\n {4}\d+ unchanged\n/);
      expect(plainLogins()).toEqual([]);
    });

    it.each([
      ["that offers no TLS", false],
      ["with a certificate of its own authority", true],
    ] as const)("says nothing in clear to one %s: preview, up, status, drift and guard", async (_what, own) => {
      if (site.postmaster("server3") !== undefined) await site.stop("server3");
      const address = site.address("server3");
      const now = new Date();
      const authority = await makeAuthority({ name: "another", validityDays: 10, now });
      const tls = await makeCertificate({ authority, name: "server3", address, validityDays: 5, kind: "ec", now });
      const other = await listen({ address, port: 5442, trick: "clear", ...(own ? { tls } : {}) });
      const said = [await site.preview(), await pgsite("status"), await pgsite("drift")];
      // What it does then is the same for both.
      if (!own) said.push(await site.failing("up"));
      expect(said.join("\n")).toContain("server3");
      // A primary that starts asks the others whether it was superseded.
      const { stderr } = await site
        .host()
        .run([join(site.controlDirectory("server2"), "runbook", "guard"), "--dry-run"]);
      expect(stderr).toContain(
        "server2 does not start: whoever may have superseded it lives and does not say (server3",
      );
      expect(other.sslRequests).toBeGreaterThan(3);
      expect(other).toMatchObject({ plainStartups: 0, tlsStartups: 0, passwords: [], queries: [] });
      for (const password of Object.values(site.passwords)) expect(other.heard(password)).toBe(false);
      expect(plainLogins()).toEqual([]);
    });
  },
);

/** A state as it was before servers had to prove anything. */
function withoutProofs(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutProofs);
  if (typeof value === "string" && /^[[{]/.test(value) && value.includes('"proof"')) {
    return JSON.stringify(withoutProofs(JSON.parse(value)));
  }
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([name]) => name !== "proof" && name !== "endpoint");
  return Object.fromEntries(entries.map(([name, one]) => [name, withoutProofs(one)]));
}
