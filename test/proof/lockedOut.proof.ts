import { describe, expect, it } from "vitest";
import type { Major } from "../../postgres/versions.js";
import {
  type LockedServer,
  LockedSite,
  type LockOut,
  servers,
  unsaid,
  waysOfTls,
  waysToLockOut,
} from "../support/lockedOut.js";
import { whyNoSite } from "../support/remoteSite.js";

const why = whyNoSite();
const sites: readonly (readonly [Major, string, readonly LockOut[], Readonly<Record<string, unknown>>])[] = [
  ["11", "", waysToLockOut("11"), {}],
  ["18", "", waysToLockOut("18"), {}],
  ["18", " with TLS", waysOfTls, { tls: { certificates: "made" } }],
];
const nothingToDo = /Resources:\n {4}\d+ unchanged\n/;
const isStop = "in single-user mode, for which it stood still";

/** What a standby has from its primary is locked there, and keeps pgsite out of both. */
const cases = (ways: readonly LockOut[]) =>
  ways.flatMap((way) =>
    servers
      .filter((server) => server === servers[0] || way.ofCatalogue !== true)
      .map((server) => [server, way] as const),
  );

/** What is wrong about how a lock was said and mended, and how it went. */
async function ordeal(site: LockedSite, server: LockedServer, way: LockOut) {
  const began = Date.now();
  const wrong: string[] = [];
  let how = "mended";
  try {
    const told = await site.suffers({ [server]: way });
    const both = way.ofCatalogue === true && way.problem !== undefined;
    for (const one of both ? servers : [server]) wrong.push(...unsaid(told, one, way));
    if (told.said.includes(isStop)) how = "mended, it stood still";
  } catch (error) {
    wrong.push(String(error));
    await site.site.up().catch(() => undefined);
  }
  for (const one of servers) if (!(await site.letsIn(one))) wrong.push(`${one} does not let in`);
  const after = await site.site.preview();
  if (!nothingToDo.test(after)) wrong.push(`it is not as declared then:\n${after}`);
  const seconds = Math.round((Date.now() - began) / 1000);
  return { wrong, said: `${wrong.length === 0 ? how : "WRONG"} (${seconds} s with three runs)` };
}

describe.skipIf(why !== undefined)(`ways to lock pgsite out${why ? ` (${why})` : ""}`, () => {
  it.each(sites)(
    "of PostgreSQL %s%s, on hosts that let it in by SSH alone: the preview says which, one up mends it",
    async (major, kind, ways, more) => {
      const site = await LockedSite.make(major, more);
      const failed: string[] = [];
      try {
        await site.site.up();
        for (const [server, way] of cases(ways)) {
          const { wrong, said } = await ordeal(site, server, way);
          process.stdout.write(`${major}${kind} ${server}: ${way.name}: ${said}\n`);
          failed.push(...wrong.map((one) => `${major} ${server}: ${way.name}: ${one}`));
        }
      } finally {
        await site.remove();
      }
      expect(failed.join("\n\n")).toBe("");
    },
    3_600_000,
  );
});
