import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { Rehearsal } from "../../cli/rehearsal/rehearsal.js";
import { previewSteps, said, sitesOf, statusRows, withRehearsal } from "../support/rehearsal.js";

/** What decides what a server is, and tells whether it was restarted. */
const telling =
  /^(postgresql\.conf|pg_hba\.conf|standby\.signal|recovery\.signal|postgresql\.auto\.conf|postmaster\.pid)$/;

/** Every server as it is: its files byte for byte, its process and start time with postmaster.pid, its state and role. */
async function everything(rehearsal: Rehearsal) {
  const sites = await sitesOf(rehearsal);
  const files = sites.flatMap(({ site }) =>
    site.servers.flatMap(({ name, dataDirectory }) =>
      readdirSync(dataDirectory)
        .filter((file) => telling.test(file))
        .map((file) => [`${name} ${file}`, readFileSync(join(dataDirectory, file), "utf8")] as const),
    ),
  );
  const states = (await statusRows(rehearsal)).map(({ name, state, timeline }) => ({ name, state, timeline }));
  return { files: Object.fromEntries(files), states };
}

it("previews a changed primary as updates alone, is as before when it is taken back, and switches over with an up", async () => {
  await withRehearsal({ name: "test-primary", block: 50, stacks: ["ctio"], postgresql: "15" }, async (rehearsal) => {
    const declare = async (primary: string) =>
      said(await rehearsal.pulumi(["config", "set", "pgsite:primary", primary, "--stack", "ctio"]));
    const previewUnchanged = async () =>
      said(await rehearsal.pulumi(["preview", "--diff", "--expect-no-changes", "--stack", "ctio", "--color", "never"]));
    const states = async () => (await statusRows(rehearsal)).map(({ name, state }) => `${name} ${state}`).sort();
    await rehearsal.up("ctio");
    const before = await everything(rehearsal);
    expect(Object.keys(before.files)).toEqual(
      expect.arrayContaining(["server2 postmaster.pid", "server3 standby.signal"]),
    );
    expect(await states()).toEqual(["server2 read-write", "server3 in recovery, refuses queries"]);

    await declare("server3");
    const updates = [
      "update pgsite:index:Jobs sispi-watch-jobs",
      "update pgsite:index:Rollout sispi-rollout",
      "update pgsite:index:ServerConfiguration server2-configuration",
      "update pgsite:index:ServerConfiguration server3-configuration",
      "update pgsite:index:Topology sispi-topology",
      // The links of the viewers follow the primary.
      "update pgsite:index:WebViewers sispi-viewers",
    ];
    const planned = async () =>
      (await previewSteps(rehearsal, "ctio")).map(({ op, type, name }) => `${op} ${type} ${name}`).sort();
    expect(await planned()).toEqual(updates);
    await declare("server2");
    await previewUnchanged();
    expect(Object.keys(await rehearsal.up("ctio"))).toEqual(["same"]);
    expect(await everything(rehearsal)).toEqual(before);

    await declare("server3");
    expect(Object.keys(await rehearsal.up("ctio")).sort()).toEqual(["same", "update"]);
    expect(await states()).toEqual(["server2 in recovery, refuses queries", "server3 read-write"]);
    await previewUnchanged();
  });
}, 240_000);
