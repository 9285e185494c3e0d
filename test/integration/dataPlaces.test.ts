import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hostOf } from "../../hosts/index.js";
import { closeSessions } from "../../hosts/shell/sessions.js";
import { makeFolder, makeInPlace, removeFolder, rename } from "../../servers/data/places.js";
import { enter, leave } from "../support/here.js";
import { type MultiHost, multiHost, whyNoHosts } from "../support/multihost.js";

const why = whyNoHosts();
const data = "/srv/db/it's data";
const made = `${data}.pgsite/upgrade/new`;

/** Old and new data change places in a folder that is root's: the OS user may not, and root does nothing but that. */
describe.skipIf(why !== undefined)(`data in a folder of root's${why ? ` (${why})` : ""}`, { timeout: 60_000 }, () => {
  let net: MultiHost;
  const spec = () => ({ name: "db1", transport: "ssh", address: net.host("db1").address, user: "postgres" }) as const;
  const server = () => ({ host: spec() });
  const shell = (script: string) => net.host("db1").must(["sh", "-c", script, "sh", data, made]);
  const renamed = (from: string, to: string) => rename(hostOf(spec()), server(), from, to);

  beforeAll(async () => {
    net = await multiHost(["db1"]);
    enter(net.control.env);
    await shell('mkdir /srv/db; install -d -o postgres -m 700 "$1" "$1.pgsite" "$1.pgsite/upgrade" "$2"');
    await shell('echo 17 >"$1/PG_VERSION"; echo 18 >"$2/PG_VERSION"; chown -R postgres: "$1" "$2"');
  }, 60_000);
  afterAll(async () => {
    await leave();
    await net?.close();
  }, 60_000);

  it("change places there and back, and what is removed is gone", async () => {
    await renamed(data, `${data}.version-17`);
    await renamed(made, data);
    expect(await shell('cat "$1/PG_VERSION"; stat -c "%U %a" "$1" /srv/db')).toBe("18\npostgres 700\nroot 755\n");
    await renamed(data, made);
    await renamed(`${data}.version-17`, data);
    expect(await shell('cat "$1/PG_VERSION" "$2/PG_VERSION"; ls /srv/db')).toBe(
      "17\n18\nit's data\nit's data.pgsite\n",
    );
    await shell('cp -a "$2" "$1.version-18"');
    await removeFolder(hostOf(spec()), server(), `${data}.version-18`);
    await removeFolder(hostOf(spec()), server(), `${data}.version-16`);
    await makeInPlace(hostOf(spec()), server(), `${data}2`);
    expect(await shell('ls /srv/db; stat -c "%U %a" "$1"2; rmdir "$1"2')).toBe(
      "it's data\nit's data.pgsite\nit's data2\npostgres 700\n",
    );
  });

  it("are nobody else's: root renames no link, nothing of another's, and nothing in another's folder", async () => {
    await shell('mv "$2" "$2.own"; ln -s /etc "$2"; chown -h postgres: "$2"');
    await expect(renamed(made, `${data}.moved`)).rejects.toThrow(/is no folder of postgres's/);
    await shell('rm "$2"; mkdir "$2"');
    await expect(renamed(made, `${data}.moved`)).rejects.toThrow(/is no folder of postgres's/);
    await shell('rmdir "$2"; mv "$2.own" "$2"; chown guest /srv/db');
    await expect(renamed(made, `${data}.moved`)).rejects.toThrow(/is neither postgres's nor root's alone/);
    await shell("chown root /srv/db");
    // On another file system a rename would be a copy by root.
    await shell(
      'mount -t tmpfs -o mode=755 small "$1.pgsite/upgrade"; chown postgres "$1.pgsite/upgrade"; install -d -o postgres "$2"',
    );
    await expect(renamed(made, `${data}.moved`)).rejects.toThrow(/are on two file systems/);
    await shell('umount "$1.pgsite/upgrade"');
    expect(await shell("ls /srv/db")).toBe("it's data\nit's data.pgsite\n");
  });

  it("stay where they are where pgsite cannot be root, and the message says what to do", async () => {
    await shell("echo 'admin ALL=(postgres) NOPASSWD: /bin/sh' >/etc/sudoers.d/pgsite");
    await closeSessions();
    await expect(renamed(data, `${data}.version-17`)).rejects.toThrow(/\(chown postgres \/srv\/db\)/);
    await shell("chown postgres /srv/db");
    await renamed(data, `${data}.version-17`);
    expect(await shell("ls /srv/db")).toBe("it's data.pgsite\nit's data.version-17\n");
  });

  it("need no root where folders are missing below one of the OS user's", async () => {
    await makeFolder(hostOf(spec()), server(), "/srv/db/not/there yet");
    expect(await shell('stat -c "%U %a" "/srv/db/not/there yet"')).toBe("postgres 700\n");
  });
});
