import { getCurrentTest } from "vitest/suite";
import type { Major } from "../../postgres/versions.js";
import { serverIn } from "./oldServers.js";
import { programsOf } from "./programs.js";
import type { Act, Seen } from "./versionsTable.js";

/**
 * Says, in a test, that it shows an act at a version. With `PGSITE_RECORD=1` that is recorded when the test has passed
 * (`versionsReporter.ts`).
 * @param seeding whether servers had to be seeded again @param meta of the test, where it runs beside others
 */
export function ran(
  { version, major }: { version: string; major: Major },
  act: Act,
  seeding = false,
  meta: object | undefined = getCurrentTest()?.meta,
): void {
  if (!records()) return;
  if (meta === undefined) throw new Error("what ran is said by the test that ran it");
  const test: { seen?: readonly Seen[] } = meta;
  test.seen = [...(test.seen ?? []), { major, act, version, ...(seeding ? { seeding: true } : {}) }];
}

/** The same with the programs that tests have of a major version. */
export async function ranAt(major: Major, act: Act, meta?: object): Promise<void> {
  if (!records()) return;
  ran(serverIn(await programsOf(major)), act, false, meta);
}

function records(): boolean {
  return (process.env.PGSITE_RECORD ?? "") !== "";
}
