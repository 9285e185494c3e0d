import { expect, it } from "vitest";
import { lines } from "../../../servers/baseBackup/progressLines.js";

it("says how far a copy is: at once, at most once a second, and at the end", () => {
  let now = 0;
  const said: string[] = [];
  const progress = lines(
    (line) => said.push(line),
    "copied",
    () => now,
  );
  progress.start(1_000_000_000, 0);
  for (let n = 0; n < 10; n += 1) {
    now += 250;
    progress.advance(100_000_000);
  }
  progress.end();
  expect(said).toEqual([
    "copied 0 B of 1 GB (0 %)",
    "copied 400 MB of 1 GB (40 %), 400 MB/s, 1s left",
    "copied 800 MB of 1 GB (80 %), 400 MB/s, 500ms left",
    "copied 1 GB of 1 GB (100 %), 400 MB/s",
  ]);
});
