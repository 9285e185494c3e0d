import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WatchSite } from "../support/watchSite.js";

let site: WatchSite;
beforeAll(async () => {
  site = await WatchSite.make(153, ["one", "two", "warm"]);
  for (const name of site.names) await site.install(name);
}, 120_000);
afterAll(() => site?.close());

describe("a try", () => {
  it("runs", async () => {
    for (const name of site.names) {
      const run = await site.watch(name, undefined, ["--events", "--dry"]);
      console.log(run);
      console.log(await site.watch(name));
    }
  });
});
