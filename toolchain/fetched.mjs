// What is fetched from a server that may be out of reach: at most once a day where there is another way.
import { existsSync } from "node:fs";
import { locked, recall, remember } from "./steps.mjs";

/** How long a failure is remembered. */
const patienceMilliseconds = 24 * 3600 * 1000;

/**
 * Makes `folder`, where it is not there, by `fetch`, which is given its path and returns why it failed, in a few words.
 * Returns that; undefined where the folder is there. Where it failed within the last day and there is another way, it is not
 * tried again.
 */
export async function fetchedOnce(folder, { fetch, hasOtherWay }) {
  const note = `${folder}.json`;
  const isSettled = async () => existsSync(folder) || (failedLately(note) && (await hasOtherWay()));
  if (!(await isSettled())) {
    await locked(`${note}.lock`, async () => {
      if (await isSettled()) return;
      const why = await fetch(folder);
      if (why !== undefined) remember(note, { failedAt: Date.now(), why });
    });
  }
  return existsSync(folder) ? undefined : (recall(note)?.why ?? "not tried again today");
}

function failedLately(note) {
  return Date.now() - (recall(note)?.failedAt ?? 0) < patienceMilliseconds;
}
