// What every run tries at a few versions of PostgreSQL, at all of those that the tests know.
import { tryAll } from "../support/everyRun.js";

tryAll();

await import("../integration/archive.test.js");
await import("../integration/majors.test.js");
await import("../integration/plants.test.js");
await import("../integration/plantsByHand.test.js");
await import("../integration/rejoin.test.js");
await import("../integration/rolloutOrder.test.js");
await import("../integration/rolloutSeeding.test.js");
await import("../integration/runbookMajors.test.js");
await import("../integration/switchoverAcrossStacks.test.js");
await import("../integration/tlsThereAndBack.test.js");
