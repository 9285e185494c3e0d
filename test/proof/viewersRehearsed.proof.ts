import { lstatSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { rehearsalFolder } from "../../cli/rehearsal/rehearsal.js";
import { previewSteps, said, withRehearsal } from "../support/rehearsal.js";

const name = "test-viewers";
const www = join(rehearsalFolder(name), "hosts/system1/usr/remote/software/www");

/** The committed viewers on one machine, without Apache: what the demo shows of them. */
describe("rehearsed web viewers", () => {
  it("are files and links, one line says what is not rehearsed, and what is changed by hand shows and is healed", async () => {
    await withRehearsal({ name, block: 248, stacks: ["ctio"], postgresql: "15" }, async (rehearsal) => {
      const up = () => rehearsal.pulumi(["up", "--yes", "--skip-preview", "--stack", "ctio"]).then(said);
      const first = await up();
      expect(
        first.match(/system1: files and links of the web viewers; neither httpd nor its test of them is rehearsed/g)
          ?.length,
      ).toBeGreaterThan(0);
      const link = join(www, "html/cfg/des_tv.cfg");
      expect(readlinkSync(link)).toBe("des_tv.cfg_server2");
      expect(readFileSync(join(www, "httpd.conf"), "utf8")).toContain(
        `PidFile "${join(www, "../../../..")}/data_local/web_logs/httpd.pid"`,
      );
      expect(await previewSteps(rehearsal, "ctio")).toEqual([]);
      rmSync(link);
      writeFileSync(link, "mine");
      const shown = said(await rehearsal.pulumi(["preview", "--stack", "ctio"]));
      expect(shown.replaceAll(/\s+/g, " ")).toContain("html/cfg/des_tv.cfg on system1 is no link");
      await up();
      expect(lstatSync(link).isSymbolicLink()).toBe(true);
      expect(await previewSteps(rehearsal, "ctio")).toEqual([]);
    });
  });
});
