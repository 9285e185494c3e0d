import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { applicationNames, products, ViewersSite, webLogs, whyNoViewers, window, www } from "../support/viewersSite.js";

const why = whyNoViewers();

/** The short version of test/proof/viewersHosts.proof.ts. */
describe.skipIf(why !== undefined)(
  `the web viewers on a real Apache beside a real site${why ? ` (${why})` : ""}`,
  { timeout: 120_000 },
  () => {
    let viewers: ViewersSite;

    beforeAll(async () => {
      viewers = await ViewersSite.make();
      await viewers.site.up("ctio");
    }, 180_000);

    afterAll(async () => {
      await viewers?.remove();
    }, 60_000);

    it("answer from the primary, by WSGI and mod_python, as codemanager, and nobody is shown their configurations", async () => {
      const client = viewers.ask();
      await client.until((asked) => applicationNames.every((name) => asked.some((one) => one.name === name)));
      const answers = (await client.end()).map(
        ({ name, server, standby, failed }) => `${name} ${server} ${standby} ${failed}`,
      );
      const address = viewers.addressOf("server2");
      expect([...new Set(answers)].sort()).toEqual(
        applicationNames.map((name) => `${name} ${address} false undefined`).sort(),
      );
      expect(await viewers.shell(`stat -c '%U %a %N' ${www}/html/cfg/* ${products}/TV/current ${www}/html/TV`)).toBe(
        [
          ...["constants.cfg", "des_alarms.cfg", "des_tv.cfg"].flatMap((name) => [
            `codemanager 777 '${www}/html/cfg/${name}' -> '${name}_server2'`,
            `codemanager 600 '${www}/html/cfg/${name}_server2'`,
            `codemanager 600 '${www}/html/cfg/${name}_server3'`,
          ]),
          `codemanager 777 '${products}/TV/current' -> 'v1'`,
          `codemanager 777 '${www}/html/TV' -> '${products}/TV/current'`,
          "",
        ].join("\n"),
      );
      expect(
        await viewers.shell(`stat -c %U /proc/$(cat ${webLogs}/httpd.pid); ls ${webLogs}/tmp/mp_sessions | wc -l`),
      ).toMatch(/^codemanager\n[1-9]/);
      const paths = [
        "/robots.txt",
        "/cfg/constants.cfg",
        "/cfg/constants.cfg_server2",
        "/cfg/",
        "/TV/../cfg/des_tv.cfg",
      ];
      expect(await Promise.all(paths.map((path) => viewers.status(path)))).toEqual([200, 403, 403, 403, 403]);
    });

    it("follow a switchover in the same up: no request lost that is tried once more, no reload, all from the new primary, and the next preview shows nothing", async () => {
      const before = await viewers.httpd();
      const client = viewers.ask(applicationNames, 400);
      await client.until((asked) => asked.length > 10);
      viewers.site.declare("ctio", [["primary"], "server3"]);
      await viewers.site.up("ctio");
      const done = Date.now();
      await client.until((asked) => asked.filter((one) => one.asked > done).length > 20);
      const asked = await client.end();
      console.log(
        `${asked.length} requests, ${asked.filter(({ failed }) => failed !== undefined).length} tried again, over ${window(asked)} s`,
      );
      expect(asked.filter(({ lost }) => lost !== undefined)).toEqual([]);
      const after = asked.filter((one) => one.asked > done);
      expect([...new Set(after.map(({ name, server, failed }) => `${name} ${server} ${failed}`))].sort()).toEqual(
        applicationNames.map((name) => `${name} ${viewers.addressOf("server3")} undefined`).sort(),
      );
      expect(await viewers.httpd()).toBe(before);
      expect(await viewers.site.preview("ctio")).toMatch(/Resources:\n {4}\d+ unchanged\n/);
    });
  },
);
