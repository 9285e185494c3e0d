import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterEach, beforeEach, expect, it } from "vitest";
import { controlPath } from "../../../config/controlDirectory.js";
import { LocalHost } from "../../../hosts/local.js";
import { controlFileOf } from "../../../servers/data/controlFile.js";
import { refusedBefore } from "../../../servers/process/process.js";

/* Whether what a guard wrote into start.log still holds. */

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pgsite-test-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const host = new LocalHost("here", userInfo().username);
const refusal = "pgsite: superseded server3 10.0.0.3:5442 2 1\n";

const places = () => ({ dataDirectory: join(folder, "data"), controlDirectory: join(folder, "data.pgsite") });

/** One after the other, each some time later. */
async function write(...files: readonly (readonly [string, string])[]): Promise<void> {
  for (const [path, text] of files) {
    mkdirSync(join(path, ".."), { recursive: true });
    writeFileSync(path, text);
    await setTimeout(20);
  }
}

it("is why it does not run, if nobody has started or seeded its data since", async () => {
  const [log, control] = [controlPath(places(), "startLog"), controlFileOf(places().dataDirectory)];
  await write([control, "data"], [log, `a line of PostgreSQL's\n${refusal}`]);
  expect(await refusedBefore(host, places())).toMatchObject({ by: "server3", timeline: 2, own: 1 });
  await write([control, "data of a later start"]);
  expect(await refusedBefore(host, places())).toBeUndefined();
  await write([log, refusal]);
  expect(await refusedBefore(host, places())).toMatchObject({ by: "server3" });
  await write([log, `${refusal}a later line\n`]);
  expect(await refusedBefore(host, places())).toBeUndefined();
});

it("is why it does not run, where its data were taken away", async () => {
  await write([controlPath(places(), "startLog"), refusal]);
  expect(await refusedBefore(host, places())).toMatchObject({ by: "server3" });
});
