import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Manifest, Stream } from "../../servers/archive/manifest.js";
import { ArchiveSite } from "../support/archiveSite.js";

/** What is added to a stream: members by name, made by the shell in a folder of their own. */
type Added = Readonly<Partial<Record<Stream, { readonly make: string; readonly members: readonly string[] }>>>;

const sha256 = (content: Buffer) => createHash("sha256").update(content).digest("hex");

describe("an archive that somebody changed on its way, with all checksums made anew", { timeout: 60_000 }, () => {
  let site: ArchiveSite;
  /** Of the servers' OS user, and no business of the archive's. */
  let outside: string;
  let digest: string;

  beforeAll(async () => {
    site = await ArchiveSite.make({ major: "15", block: 126 });
    await site.site.up();
    await site.site.query("server2", ["create table day (n int, filler text)"]);
    await site.write(1);
    await site.create("whole", "--compress", "none");
    digest = sha256(readFileSync(join(site.folder("whole"), "manifest.json")));
    outside = site.folder("outside");
    await site.site.host().makeDirectory(outside);
    await site.site.host().writeFile(join(outside, "precious"), "kept");
  }, 120_000);

  afterAll(() => site?.remove(), 60_000);

  /** Another archive, as whoever carries it makes it. */
  async function forge(name: string, added: Added, change: (manifest: Manifest) => object = () => ({})): Promise<void> {
    rmSync(site.folder(name), { recursive: true, force: true });
    const folder = await site.carry("whole", name);
    const manifest = site.manifest(name);
    for (const [stream, { make, members }] of Object.entries(added)) {
      const made = site.folder(`${name}-${stream}`);
      mkdirSync(made);
      await execa("sh", ["-e", "-c", make], { cwd: made });
      const part = `${stream}.tar.0000`;
      await execa("tar", ["--append", "--no-recursion", "-f", join(folder, part), "-C", made, "--", ...members]);
      const content = readFileSync(join(folder, part));
      const parts = manifest.parts[stream as Stream];
      parts.splice(0, parts.length, { name: part, size: content.length, sha256: sha256(content) });
    }
    writeFileSync(join(folder, "manifest.json"), JSON.stringify({ ...manifest, ...change(manifest) }));
  }

  /** Nothing ran, nothing was written or removed elsewhere, and what was unpacked is gone and can start nowhere. */
  function harmless(): void {
    expect(readdirSync(outside)).toEqual(["precious"]);
    if (!existsSync(site.dataDirectory)) return;
    expect(readdirSync(site.dataDirectory)).toEqual(["pgsite.incomplete"]);
    expect(readFileSync(join(site.dataDirectory, "pgsite.incomplete"), "utf8")).not.toContain(outside);
  }

  it("is not what the digest says that the one who made it told, and without that nobody takes it", async () => {
    await forge("other", {}, () => ({ created: "2026-11-28T00:00:00Z" }));
    const changed = await site.restore("other", "--sha256", digest);
    expect(changed.text).toMatch(
      /is not the one that was made: its manifest has the SHA-256 [0-9a-f]{64}, and --sha256 says/,
    );
    expect(changed.text).toContain("nothing was touched");
    const unproven = await site.pgsite(["archive", "restore", "--stack", "fnal", "--from", site.folder("other")]);
    expect(unproven.text).toContain("may be anybody's, and a server runs what its data say: give the SHA-256");
    const verify = (name: string) => site.pgsite(["archive", "verify", site.folder(name), "--sha256", digest]);
    expect(await verify("other")).toMatchObject({ code: 1 });
    expect(await verify("whole")).toMatchObject({ code: 0 });
    expect([changed.code, unproven.code, existsSync(site.dataDirectory)]).toEqual([1, 1, false]);
  });

  it("with tablespaces puts them only where the operator says", async () => {
    const far = { source: { server: "server2", machine: "far away", dataDirectory: "/srv/pg" } };
    await forge("spread", {}, () => ({ ...far, tablespaces: [{ oid: "99999", location: `${outside}/ts` }] }));
    const restore = (...more: readonly string[]) => site.restore("spread", "--trust-carrier", ...more);
    for (const [given, line] of [
      [[], `nobody said where they go for des10: --tablespace ${outside}/ts for the same folders here`],
      [["--tablespace", "/srv/other"], `the archive has no tablespace in /srv/other: it has ${outside}/ts`],
      [["--tablespace", `${outside}/ts=${site.dataDirectory}/ts`], "its data, or another tablespace, lie there"],
      [["--tablespace", `${outside}/ts=${outside}`], "is not empty and pgsite did not make what is in it"],
    ] as const) {
      const { code, text } = await restore(...given);
      expect(text).toContain(line);
      expect(code).toBe(1);
      harmless();
    }
    await forge("odd", {}, () => ({ ...far, tablespaces: [{ oid: "99999", location: `${outside}/../x` }] }));
    expect((await site.restore("odd", "--trust-carrier")).text).toContain(
      "is not a manifest that this pgsite understands",
    );
  });

  it("brings nothing that has the server run or be something: all of it is said, and removed", async () => {
    await forge("configured", {
      base: {
        make: `
          echo "restore_command = 'touch ${outside}/ran; false'" >postgresql.auto.conf
          touch recovery.signal tablespace_map server.key
          mkdir pg_replslot pg_replslot/theirs global
          cp ${site.site.dataDirectory("server2")}/global/pg_control global/
          echo '{"kind":"base-backup","source":{"name":"x","dataDirectory":"x","systemIdentifier":"x"},"began":0,"boot":"","tablespaces":{"1":"${outside}"}}' >pgsite.incomplete`,
        members: [
          "postgresql.auto.conf",
          "recovery.signal",
          "tablespace_map",
          "server.key",
          "pg_replslot/theirs",
          "./global/pg_control",
          "./pgsite.incomplete",
        ],
      },
    });
    const { code, text } = await site.restore("configured", "--trust-carrier");
    harmless();
    expect(text).toContain("was not made by pgsite archive create, or was changed since: it brings ");
    expect(text).toMatch(/; and 1 more\. What was unpacked of it was removed again/);
    const brought = /changed since: (.*); and/.exec(text)?.[1]?.split("; ") ?? [];
    const names = ["postgresql.auto.conf", "recovery.signal", "tablespace_map", "server.key", "pg_replslot/theirs"];
    for (const line of brought)
      expect([...names, "global/pg_control"].map((name) => `it brings ${name}`)).toContain(line);
    expect(code).toBe(1);
  });

  it("brings no link, second name, special file or program: nothing is written through one", async () => {
    await forge("linked", {
      base: {
        make: `
          ln -s ${outside} escape
          mkfifo fifo
          echo x >one; ln one two
          echo x >suid; chmod 4755 suid`,
        members: ["escape", "fifo", "one", "two", "suid"],
      },
      wal: { make: "mkdir escape; echo mine >escape/authorized_keys", members: ["escape/authorized_keys"] },
    });
    const { code, text } = await site.restore("linked", "--trust-carrier");
    harmless();
    for (const line of [
      `escape is a link to ${outside}`,
      "fifo is neither a file nor a folder",
      "is a second name of",
    ]) {
      expect(text).toContain(line);
    }
    expect(code).toBe(1);
  });

  it("brings in its second stream nothing but WAL and label, and these as plain files", async () => {
    const wal = {
      make: `
        mkdir pg_wal; ln -s ${outside}/precious pg_wal/000000010000000000000001
        echo "restore_command = 'touch ${outside}/ran; false'" >postgresql.auto.conf`,
      members: ["postgresql.auto.conf", "pg_wal/000000010000000000000001"],
    };
    await forge("late", { wal });
    const { code, text } = await site.restore("late", "--trust-carrier");
    harmless();
    expect(text).toContain(`pg_wal/000000010000000000000001 is a link to ${outside}/precious`);
    expect(text).not.toContain("it brings postgresql.auto.conf");
    expect(code).toBe(1);
  });

  it("leaves nothing in the way of the one that was made", async () => {
    const { code, text } = await site.restore("whole", "--sha256", digest);
    expect(text).toMatch(/des10 started and streams from server2/);
    expect(code).toBe(0);
    expect(readdirSync(outside)).toEqual(["precious"]);
  });
});
