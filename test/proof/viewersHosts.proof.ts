import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Change, said } from "../support/remoteSite.js";
import {
  type Asked,
  applicationNames,
  changes,
  modules,
  products,
  ViewersSite,
  webLogs,
  whyNoViewers,
  window,
  www,
} from "../support/viewersSite.js";

const why = whyNoViewers();
const unchanged = /Resources:\n {4}\d+ unchanged\n/;

/** Real Apache beside a real site: what never gets live, and the nights. */
describe.skipIf(why !== undefined)(`the web viewers${why ? ` (${why})` : ""}`, { timeout: 400_000 }, () => {
  let viewers: ViewersSite;

  beforeAll(async () => {
    viewers = await ViewersSite.make();
    await viewers.site.up("ctio");
  }, 240_000);

  afterAll(() => viewers?.remove(), 60_000);

  const preview = async () => (await viewers.site.preview("ctio")).replaceAll(/\s+/g, " ");
  /** What says whether anything of httpd's has changed. */
  const live = async () =>
    (await viewers.shell(`cd ${www} && cat httpd.conf conf.d/* | sha256sum; ls -A . conf.d`)) + (await viewers.httpd());
  const answers = async (server: string, names: readonly string[] = applicationNames) => {
    for (const name of names) {
      const found = await viewers.get(name);
      expect({ name, server: found.server, failed: found.failed }).toEqual({
        name,
        server: viewers.addressOf(server),
        failed: undefined,
      });
    }
  };
  /** The one line with which an `up` fails, among all that it says. */
  const refusal = async () => {
    const { errors } = await viewers.site.failingUp("ctio");
    const ours = errors.filter((line) => /system1/.test(line));
    expect(ours).toHaveLength(1);
    console.log(ours[0]);
    return ours[0] as string;
  };
  const healed = async () => {
    viewers.site.declare("ctio");
    await viewers.site.up("ctio");
    expect(await viewers.site.preview("ctio")).toMatch(unchanged);
    await answers("server2");
  };
  const described = changes().find(([path]) => path.join() === "viewers")?.[1] as Record<
    string,
    Record<string, object>
  >;
  const having = (more: Readonly<Record<string, unknown>>): Change => [["viewers"], { ...described, ...more }];
  const withTv = (more: object): Change =>
    having({ applications: { ...described.applications, TV: { ...described.applications?.TV, ...more } } });
  const withHttpd = (more: object): Change => having({ httpd: { ...described.httpd, ...more } });

  it("answer, and an unchanged preview shows nothing", async () => {
    await answers("server2");
    expect(await viewers.site.preview("ctio")).toMatch(unchanged);
  });

  it("with a broken configuration of an application: httpd's own line, what is live stays, and the next up heals it", async () => {
    const before = await live();
    viewers.site.declare("ctio", withTv({ directives: ["WSGIFrobnicate On"] }));
    expect(await refusal()).toMatch(
      /httpd on system1 does not take the viewers' configuration, and what is live stays: .*Syntax error on line \d+ of \/usr\/remote\/software\/www\/conf\.d\/TV\.conf: Invalid command 'WSGIFrobnicate'/,
    );
    expect(await live()).toBe(before);
    await answers("server2");
    await healed();
    expect(await live()).toBe(before);
  });

  it("broken by hand: the program refuses to bring it into force, the preview says what it is, an up heals it", async () => {
    const before = await live();
    await viewers.shell(`echo 'Frobnicate On' >>${www}/conf.d/AV.conf`);
    const graceful = await viewers.asOwner(`${www}/bin/viewers graceful`);
    expect(graceful.code).toBe(3);
    expect(graceful.stderr).toMatch(
      /^viewers: refused: httpd does not take its configuration: .*Invalid command 'Frobnicate'.*\. Nothing was changed$/m,
    );
    expect(await preview()).toContain(
      `the content of ${www}/conf.d/AV.conf on system1 is another than declared: install`,
    );
    await healed();
    expect(await live()).toBe(before);
  });

  it("without a module that they need: never live, one line; the same when it goes missing later", async () => {
    const before = await live();
    viewers.site.declare("ctio", withHttpd({ python: `${modules}/mod_nowhere.so` }));
    expect(await refusal()).toContain(
      `the web viewers on system1: ${modules}/mod_nowhere.so, which ECL needs, is not there: install it, or declare where it is. httpd goes on with what it has`,
    );
    expect(await live()).toBe(before);
    viewers.site.declare("ctio");
    await viewers.shell(`mv ${modules}/mod_python.so ${modules}/mod_python.so.away`);
    expect(await preview()).toContain(`${modules}/mod_python.so on system1, which ECL needs, is missing: by hand`);
    expect(await refusal()).toContain(`${modules}/mod_python.so, which ECL needs, is not there`);
    expect(await live()).toBe(before);
    await answers("server2");
    await viewers.shell(`mv ${modules}/mod_python.so.away ${modules}/mod_python.so`);
    await healed();
  });

  it("a file in the place of a link: the preview says so, an up keeps it beside the link that it puts there", async () => {
    const link = `${www}/html/cfg/des_tv.cfg`;
    await viewers.shell(`cd ${www}/html/cfg && rm des_tv.cfg && echo mine >des_tv.cfg`);
    expect(await preview()).toContain(
      `the link ${link} on system1 is no link (\`up\` keeps what is there beside it, as NAME.pgsite-replaced), declared des_tv.cfg_server2: install`,
    );
    await healed();
    expect(await viewers.shell(`cat ${link}.pgsite-replaced`)).toBe("mine\n");
    // A second one is not kept over the first.
    await viewers.shell(`cd ${www}/html/cfg && rm des_tv.cfg && echo again >des_tv.cfg`);
    expect(await refusal()).toContain(
      "des_tv.cfg.pgsite-replaced, where it would be kept, is there: move that away; no link was moved",
    );
    await viewers.shell(`rm ${link}.pgsite-replaced`);
    await healed();
    await viewers.shell(`rm ${link}.pgsite-replaced`);
  });

  it("a file or a folder of another owner: a file is healed, a folder is root's to give back, in one line", async () => {
    await viewers.shell(`chown root ${www}/conf.d/QE.conf && chmod 600 ${www}/conf.d/QE.conf`);
    expect(await preview()).toContain(
      `the mode of ${www}/conf.d/QE.conf on system1 is 0600 root, declared 0644 codemanager: install`,
    );
    await healed();
    const before = await live();
    await viewers.shell(`chown root ${www}/html/cfg`);
    expect(await preview()).toContain(`the owner of ${www}/html/cfg on system1 is root: by hand`);
    expect(await refusal()).toContain(
      `${www}/html/cfg belongs to root and not to codemanager: chown codemanager ${www}/html/cfg`,
    );
    expect(await live()).toBe(before);
    await viewers.shell(`chown codemanager ${www}/html/cfg`);
    await healed();
  });

  it("httpd that was stopped, or has read something else, shows and is healed; another port restarts it", async () => {
    expect((await viewers.asOwner(`${www}/bin/viewers stop`)).code).toBe(0);
    expect(await preview()).toContain("httpd of the web viewers on system1 is stopped: start");
    await healed();
    await viewers.shell(`echo 0 >${webLogs}/in-force`);
    expect(await preview()).toContain(
      "httpd of the web viewers on system1 is running with another configuration than declared: reload",
    );
    await healed();
    viewers.site.declare("ctio", withHttpd({ port: 8081 }));
    const pid = await viewers.shell(`cat ${webLogs}/httpd.pid`);
    await viewers.site.up("ctio");
    expect(await viewers.shell(`cat ${webLogs}/httpd.pid`)).not.toBe(pid);
    await healed();
  });

  it("what httpd's own test passes, and its start does not: the configuration that it had is in force again", async () => {
    const before = await viewers.shell(`cd ${www} && cat httpd*.conf conf.d/* | sha256sum`);
    viewers.site.declare("ctio", withHttpd({ separate: false }));
    expect(await refusal()).toMatch(
      /mod_python module can not be used in conjunction with mod_wsgi 4\.0\+.*; the configuration that it had before is in force again$/,
    );
    expect(await viewers.shell(`cd ${www} && cat httpd*.conf conf.d/* | sha256sum`)).toBe(before);
    await answers("server2");
    await healed();
  });

  it("another version of a product is current after an up, and its application begins anew without a reload", async () => {
    const before = await viewers.httpd();
    const { process } = await viewers.get("TV");
    await viewers.shell(`cd ${products}/TV && cp -pr v1 v2 && touch v2/wsgi/TV.wsgi`);
    viewers.site.declare("ctio", withTv({ version: "v2" }));
    await viewers.site.up("ctio");
    expect(await viewers.shell(`readlink ${products}/TV/current`)).toBe("v2\n");
    expect((await viewers.get("TV")).process).not.toBe(process);
    expect(await viewers.httpd()).toBe(before);
    await healed();
  });

  /** Has the client ask through what happens, and looks at what it was answered. */
  const through = async (
    server: string,
    act: () => Promise<unknown>,
    { limit, every = 150 }: { limit: number; every?: number },
  ): Promise<readonly Asked[]> => {
    const client = viewers.ask(applicationNames, every);
    await client.until((asked) => asked.length > 10);
    await act();
    const done = Date.now();
    await client.until((asked) => asked.filter((one) => one.asked > done).length > 30, 60);
    const asked = await client.end();
    console.log(
      `${asked.length} requests, ${asked.filter(({ failed }) => failed !== undefined).length} tried again over ${window(asked)} s, ${asked.filter(({ lost }) => lost !== undefined).length} lost`,
    );
    const after = asked.filter((one) => one.asked > done);
    expect([...new Set(after.map((one) => `${one.name} ${one.server} ${one.failed}`))].sort()).toEqual(
      applicationNames.map((name) => `${name} ${viewers.addressOf(server)} undefined`).sort(),
    );
    expect(window(asked)).toBeLessThan(limit);
    return asked;
  };

  it("follow a switchover in its up, and no request is lost that is tried once more", async () => {
    const before = await viewers.httpd();
    viewers.site.declare("ctio", [["primary"], "server3"]);
    expect(await preview()).toContain(
      `the link ${www}/html/cfg/constants.cfg on system1 is constants.cfg_server2, declared constants.cfg_server3: install`,
    );
    const asked = await through("server3", () => viewers.site.up("ctio"), { limit: 25 });
    expect(asked.filter(({ lost }) => lost !== undefined)).toEqual([]);
    expect(await viewers.httpd()).toBe(before);
    expect(await viewers.site.preview("ctio")).toMatch(unchanged);
  });

  it("follow a failover by the runbook alone, by their own script; then the stack file says it, and nothing of them is left to do", async () => {
    const before = await viewers.httpd();
    const follow = (words = "") => viewers.asOwner(`${www}/bin/follow-primary ${words}`);
    await through(
      "server2",
      async () => {
        await viewers.site.host("server3").powerCut();
        const none = await follow();
        expect([none.code, none.stderr]).toEqual([
          3,
          expect.stringMatching(/none of server2 server3 says that it takes writes/),
        ]);
        const runbook = "/raid2/database/sispi_db.pgsite/runbook/failover";
        const over = await viewers.site
          .host("server2")
          .run(["su", "-s", "/bin/sh", "postgres", "-c", runbook], { seconds: 90 });
        expect(over.code, over.stdout + over.stderr).toBe(0);
        const dry = await follow("--dry-run");
        expect([dry.code, dry.stdout]).toEqual([
          0,
          expect.stringContaining(`would lead ${www}/html/cfg/constants.cfg to constants.cfg_server2`),
        ]);
        expect(await viewers.linked("constants.cfg")).toBe("constants.cfg_server3");
        const done = await follow();
        console.log(done.stdout, done.stderr);
        expect(done.code, done.stdout + done.stderr).toBe(0);
      },
      // A dead host costs each request its time for connecting: no faster than the applications can say so.
      { limit: 120, every: 2000 },
    );
    expect(await viewers.linked("des_tv.cfg")).toBe("des_tv.cfg_server2");
    expect(await viewers.httpd()).toBe(before);
    expect((await follow("server9")).code).toBe(2);
    viewers.site.declare("ctio", [["primary"], "server2"], [["servers", "server3", "lost"], true]);
    const shown = await viewers.site.preview("ctio");
    // Where their links lead by now, its refresh says; nothing of it is left to do.
    expect(shown).not.toMatch(/system1|WebViewers: \((?!refresh)/);
    expect(shown).toMatch(/WebViewers: \(refresh\)/);
    await viewers.site.up("ctio");
    expect(await viewers.site.preview("ctio")).toMatch(unchanged);
  });

  it("refuse to choose where two servers take writes, by name, until one is named", async () => {
    // Behind everybody's back: the lost one is back, and its guard is told to start it.
    await viewers.site.powerOn("server3");
    const data = "/raid3/database/sispi_db";
    const start = `/usr/lib/postgresql/15/bin/pg_ctl start -w -D ${data} -l ${data}.pgsite/start.log`;
    await viewers.site.host("server3").must(["su", "-s", "/bin/sh", "postgres", "-c", start], { seconds: 60 });
    const two = await viewers.asOwner(`${www}/bin/follow-primary`);
    expect([two.code, two.stderr]).toEqual([3, expect.stringMatching(/more than one takes writes: server2 server3/)]);
    expect(await viewers.linked("des_tv.cfg")).toBe("des_tv.cfg_server2");
    await viewers.asOwner(`${www}/bin/follow-primary server3`);
    expect(await viewers.linked("des_tv.cfg")).toBe("des_tv.cfg_server3");
    expect((await viewers.asOwner(`${www}/bin/follow-primary server2`)).code).toBe(0);
  });

  it("start with their machine", async () => {
    expect(await viewers.shell("cat /etc/cron.d/pgsite-sispi-viewers")).toContain(
      `@reboot codemanager cd /; umask 077;`,
    );
  });

  it("have their password in no state in clear, and in no process's command line", async () => {
    const state = await viewers.site.must("ctio", ["stack", "export"]);
    expect(state).toContain("WebViewers");
    expect(state).not.toContain(viewers.password);
    const words = [...viewers.host.processes().values()].join("\n");
    expect(words).not.toContain(viewers.password);
  });

  it("taken out of the stack file, stay, and a message says so", async () => {
    viewers.site.declare("ctio", [["viewers"], undefined], [["servers", "server3", "lost"], true]);
    const up = await viewers.site.startUp("ctio").finished;
    expect(said(up)).toContain(`left the web viewers in ${www} on system1`);
    await answers("server2");
  });
});
