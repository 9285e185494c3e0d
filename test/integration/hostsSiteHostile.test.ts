import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { binaries, type Change, RemoteSite, whyNoSite } from "../support/remoteSite.js";

const why = whyNoSite();

/** Whatever a shell on the way would make something of. */
const all = `it's "$(touch pwned)" \`touch pwned\` ;touch pwned&\\ $HOME #é☃`;
/** The same, as far as a path of servers' programs may have it. */
const path = "-rf it's; touch pwned & #é☃";

const programs = `/opt/${path}`;
const data = (disk: string) => `/${disk}/database/${path}`;
const changes: readonly Change[] = [
  [["binaries"], programs],
  [["servers", "server2"], { dataDirectory: data("raid2") }],
  [["servers", "server3"], { dataDirectory: data("raid3"), settings: { trigger_file: `/raid3/database/${all}` } }],
  [["settings", "log_directory"], all],
  // Short: pg_basebackup refuses paths of 100 bytes and more.
  [["settings", "log_filename"], "-rf it's `touch pwned`.log"],
  [["roles"], { [all]: { login: false } }],
  [["databases"], { [all]: { owner: all } }],
];

describe.skipIf(why !== undefined)(
  `values that a shell would make something of, over SSH${why ? ` (${why})` : ""}`,
  { timeout: 120_000 },
  () => {
    let site: RemoteSite;
    const servers = ["server2", "server3"] as const;

    beforeAll(async () => {
      site = await RemoteSite.make({ stacks: ["ctio"], changes });
      for (const name of servers) await site.host(name).must(["ln", "-s", binaries, programs]);
    }, 120_000);

    afterAll(() => site?.remove(), 60_000);

    it("are given to programs as they are: a locale that is none is refused, and nothing else happens", async () => {
      site.declare("ctio", [["initdb", "locale"], "$(touch /pwned)"]);
      const { errors } = await site.failingUp("ctio");
      const said = "server2 and server3: the locale $(touch /pwned) is not there";
      expect(errors).toContainEqual(expect.stringContaining(said));
      site.declare("ctio");
    });

    it("come up and stream, and a second preview finds nothing to change", async () => {
      await site.up("ctio");
      expect(await site.streaming("server2")).toEqual([`server3 ${site.host("server3").address} streaming`]);
      const names = "select datname || ' of ' || rolname from pg_database d join pg_roles r on r.oid = datdba";
      expect(await site.query("server2", `${names} where datname like 'it%'`)).toBe(`${all} of ${all}`);
      for (const [index, name] of servers.entries()) {
        const disk = `raid${index + 2}`;
        expect(await site.host(name).must(["ls", "-A", `/${disk}/database`])).toBe(`${path}\n${path}.pgsite\n`);
        const logs = await site.host(name).must(["ls", "-A", `${data(disk)}/${all}`]);
        expect(logs).toContain("-rf it's");
      }
      expect(await site.preview("ctio", "--expect-no-changes")).toMatch(/Resources:\n {4}\d+ unchanged\n/);
    });

    it("executed nothing, on no host and not where Pulumi runs", async () => {
      expect(await site.executed()).toBe("");
      const here = await site.net.control.run([
        "find",
        "/root",
        site.sandbox.program,
        site.sandbox.home,
        "-xdev",
        "-name",
        "pwned",
      ]);
      expect(here.stdout).toBe("");
    });
  },
);
