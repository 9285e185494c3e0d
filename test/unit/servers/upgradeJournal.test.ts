import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { controlDirectoryOf, controlPath, upgradePath } from "../../../config/controlDirectory.js";
import type { Host } from "../../../hosts/host.js";
import { hostOf } from "../../../hosts/index.js";
import { planUpgrade } from "../../../postgres/upgrade/plan.js";
import { type Identity, inspectDataDirectory, writeIdentity } from "../../../servers/data/dataDirectory.js";
import { forget } from "../../../servers/upgrade/forget.js";
import {
  isBefore,
  type Journal,
  newJournal,
  reach,
  readJournal,
  writeJournal,
} from "../../../servers/upgrade/journal.js";
import { pastUpgrades, remember } from "../../../servers/upgrade/past.js";
import { pastInWords } from "../../../servers/words/upgradeActs.js";
import { factsOf, wantedOf } from "../../support/upgradeFacts.js";

let folder: string;
let directories: { readonly dataDirectory: string; readonly controlDirectory: string };
const host: Host = hostOf({ name: "here", transport: "local", address: "", user: userInfo().username });

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pgsite-journal-"));
  const dataDirectory = join(folder, "data");
  directories = { dataDirectory, controlDirectory: controlDirectoryOf(dataDirectory) };
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function journalOf(): Journal {
  const facts = factsOf("17", { cluster: { tablespaces: [{ name: "space", location: "/srv/space" }] } });
  const plan = planUpgrade(facts, wantedOf("18"), new Date("2026-11-30T08:00:00Z"));
  return newJournal({ site: "orders", server: "one" }, facts.cluster, plan, { old: "/old/bin", new: "/new/bin" });
}

const outcome = {
  way: "copy",
  space: 40_000_000,
  downtime: 8.6,
  settings: {
    kept: ["work_mem"],
    changed: ["a", "b"],
    gone: ["c"],
    otherwise: [{ name: "jit", said: "off", was: "on" }],
  },
} as const;

describe("the journal of an upgrade", () => {
  const path = () => upgradePath(directories, "journal");

  it("is read as it was written, by nobody else", async () => {
    expect(await readJournal(host, directories)).toBeUndefined();
    const begun = journalOf();
    await writeJournal(host, directories, begun);
    expect(await readJournal(host, directories)).toEqual(begun);
    expect(statSync(path()).mode & 0o777).toBe(0o600);
    expect(statSync(dirname(path())).mode & 0o777).toBe(0o700);
    const full = await reach(host, directories, begun, "done", {
      systemIdentifiers: { old: "7", new: "18446744073709551615" },
      tablespacesAside: { "/srv/space": "/srv/space.version-17" },
      sockets: "/tmp/sockets",
      since: { time: "2026-11-30T08:00:00Z", wal: "0/16B3748", counters: { app: { 'logs."odd"': 3 } } },
      after: ["web console"],
      standbys: ["two"],
      rollingBack: true,
      taken: { way: "copy", space: 40_000_000 },
      served: "2026-11-30T08:00:09Z",
      outcome,
    });
    expect(full).toMatchObject({
      phase: "done",
      times: { begun: begun.times.begun, done: expect.stringMatching(/^2/) },
    });
    expect(await readJournal(host, directories)).toEqual(full);
    await forget(host, directories as Parameters<typeof forget>[1], { ...full, sockets: join(folder, "sockets") });
    expect(await readJournal(host, directories)).toBeUndefined();
  });

  it("leaves what was said and what it was, once, when it is committed", async () => {
    expect(await pastUpgrades(host, directories)).toEqual([]);
    const { plan } = journalOf();
    const ended = await reach(host, directories, journalOf(), "done", { outcome });
    await remember(host, directories, ended);
    await remember(host, directories, ended);
    const past = await pastUpgrades(host, directories);
    const { way, space, downtime, settings } = plan as NonNullable<typeof plan>;
    expect(past).toMatchObject([
      { server: "one", from: "17", to: "18", said: { way, space, downtime, settings }, was: outcome },
    ]);
    expect(statSync(controlPath(directories, "upgrades")).mode & 0o777).toBe(0o600);
    expect(pastInWords(past[0] as (typeof past)[number]).slice(1)).toEqual([
      "                | said             | was",
      "  way           | copy             | copy",
      "  space         | 12 GB            | 40 MB at most",
      "  nobody served | about 1m 56s     | 9s",
      "  settings      | 2 others, 0 gone | 2 others, 1 gone, 1 as before, 1 otherwise than said",
      "  setting jit: said 'off', was 'on'",
    ]);
    // A standby was set aside: what was said was said of its primary.
    await remember(host, directories, { ...ended, role: "standby", times: { begun: "another" } });
    // Of a pgsite that measured nothing, nothing can be said.
    await remember(host, directories, { ...journalOf(), times: { begun: "another" } });
    expect(await pastUpgrades(host, directories)).toHaveLength(1);
    writeFileSync(controlPath(directories, "upgrades"), "[");
    await expect(remember(host, directories, ended)).rejects.toThrow(controlPath(directories, "upgrades"));
  });

  it.each([
    ["cut off", (text: string) => text.slice(0, -40)],
    ["empty", () => ""],
    ["of a newer pgsite, with a phase of its own", (text: string) => text.replace('"prepared"', '"rehearsed"')],
    ["of a newer pgsite, with a way of its own", (text: string) => text.replace('"way": "copy"', '"way": "swap"')],
    ["of a version of PostgreSQL that nobody knows", (text: string) => text.replace('"to": "18"', '"to": "99"')],
    ["without what it goes by", (text: string) => text.replace('"systemIdentifiers"', '"identifiers"')],
  ])("%s is refused, with its path", async (_, spoil) => {
    await writeJournal(host, directories, journalOf());
    const spoilt = spoil(readFileSync(path(), "utf8"));
    expect(spoilt).not.toBe(readFileSync(path(), "utf8"));
    writeFileSync(path(), spoilt);
    await expect(readJournal(host, directories)).rejects.toThrow(`${path()} on here is not the journal`);
  });

  it("knows the order of its phases", () => {
    const order = ["prepared", "stopped", "transferred", "switching", "started", "done"] as const;
    const before = order.map((one) => order.filter((other) => isBefore(other, one)).length);
    expect(before).toEqual([0, 1, 2, 3, 4, 5]);
  });
});

describe("whose the data are", () => {
  const identity: Identity = { site: "orders", server: "one", systemIdentifier: "18" };
  const from17 = { version: "17", systemIdentifier: "17" } as const;

  /** What a control file begins with. */
  function lay(systemIdentifier: bigint, version: string): void {
    const control = Buffer.alloc(8192);
    control.writeBigUInt64LE(systemIdentifier);
    mkdirSync(join(directories.dataDirectory, "global"), { recursive: true, mode: 0o700 });
    writeFileSync(join(directories.dataDirectory, "global", "pg_control"), control);
    writeFileSync(join(directories.dataDirectory, "PG_VERSION"), `${version}\n`);
  }

  it.each([
    ["the new cluster, while it takes its place", 18n, { ...from17, switching: true }, "ours"],
    ["the old cluster, while the new one takes its place", 17n, { ...from17, switching: true }, "ours"],
    ["another, while one takes the other's place", 19n, { ...from17, switching: true }, "replaced"],
    ["the new cluster, from then on", 18n, from17, "ours"],
    ["the old cluster, from then on", 17n, from17, "replaced"],
    ["the cluster of an identity without an upgrade", 18n, undefined, "ours"],
    ["another than that", 17n, undefined, "replaced"],
  ] as const)("%s", async (_, there, upgradedFrom, kind) => {
    lay(there, `${there}`);
    const written = { ...identity, ...(upgradedFrom === undefined ? {} : { upgradedFrom }) };
    await writeIdentity(host, directories, written);
    const found = await inspectDataDirectory(host, directories);
    expect(found).toMatchObject({ kind, systemIdentifier: `${there}`, version: `${there}`, identity: written });
  });

  it("is said of an identity that cannot be understood, with its path", async () => {
    lay(18n, "18");
    await writeIdentity(host, directories, { ...identity, upgradedFrom: { ...from17, systemIdentifier: "seven" } });
    await expect(inspectDataDirectory(host, directories)).rejects.toThrow(controlPath(directories, "identity"));
  });
});
