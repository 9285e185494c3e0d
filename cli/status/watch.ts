import { setMaxListeners } from "node:events";
import prettyMilliseconds from "pretty-ms";
import { shown, shownPainted } from "../../postgres/shown.js";
import type { LoadedSite } from "../load.js";
import { painted, type Style, styleOf } from "../terminal.js";
import { askAll } from "./ask.js";
import { renderStatus } from "./render.js";
import { Screen, type Tty } from "./screen.js";

/** Seconds between two questions, where nothing else is said. */
export const usualPause = 5;

/**
 * Asks again and again, and draws each answer over the last, until somebody presses q or Ctrl-C or the command is ended from
 * outside. A question begins when the last one has its answer and the pause is over, so there are never two at once.
 * @param pause seconds
 */
export async function watchStatus(
  sites: readonly LoadedSite[],
  pause: number,
  tty: Tty = { output: process.stdout, input: process.stdin },
): Promise<void> {
  const ended = new AbortController();
  const screen = new Screen(tty, (key) => {
    if (key === "q" || key === "Q" || key === "\u0003") ended.abort();
  });
  const signal = AbortSignal.any([ended.signal, ...sites.map((loaded) => loaded.signal)]);
  // What is done on each server listens, however many these are.
  setMaxListeners(0, signal);
  const asked = sites.map((loaded) => ({ ...loaded, signal }));
  screen.open();
  try {
    screen.draw(["asking"]);
    while (!signal.aborted) {
      // Whoever ends it does not wait for a server that hangs.
      await orEnded(
        askOnce(asked, pause, () => styleOf(tty.output)).then((lines) => screen.draw(lines)),
        signal,
      );
      await orEnded(new Promise((resolve) => setTimeout(resolve, pause * 1000)), signal);
    }
  } finally {
    screen.close();
  }
  if (!ended.signal.aborted) throw signal.reason;
}

/** What is to be drawn. What failed is drawn too: the next question may have an answer. */
async function askOnce(sites: readonly LoadedSite[], pause: number, style: () => Style): Promise<readonly string[]> {
  const began = new Date();
  const told = await askAll(sites).then(
    (answers) => renderStatus(answers, style()),
    (error: Error) => `could not ask: ${shown(error.message)}`,
  );
  return shownPainted(`${headOf(began, Date.now() - began.getTime(), pause, style())}\n${told}`).split("\n");
}

/** When it was asked, how long that took, when it is asked again, and how to end that. */
function headOf(began: Date, took: number, pause: number, style: Style): string {
  const at = `${began.toISOString().slice(0, 19).replace("T", " ")} UTC`;
  return painted(
    "aside",
    `asked at ${at}, took ${prettyMilliseconds(took)}; again ${pause} s after the answer; q ends`,
    style,
  );
}

/** Returns when it is done or ended; what fails after the end is nobody's concern. */
async function orEnded(done: Promise<unknown>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const end = new AbortController();
  const aborted = new Promise<void>((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true, signal: end.signal });
  });
  try {
    await Promise.race([done.catch((error: unknown) => (signal.aborted ? undefined : Promise.reject(error))), aborted]);
  } finally {
    end.abort();
  }
}
