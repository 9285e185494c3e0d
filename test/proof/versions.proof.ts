// What every run tries at a few versions of PostgreSQL, at all of those that the tests know.
import { tryAll } from "../support/everyRun.js";

tryAll();

await import("../integration/archive.test.js");
await import("../integration/baseBackup.test.js");
await import("../integration/demo.test.js");
await import("../integration/failover.test.js");
await import("../integration/heal.test.js");
await import("../integration/import.test.js");
await import("../integration/majors.test.js");
await import("../integration/plants.test.js");
await import("../integration/plantsByHand.test.js");
await import("../integration/rejoin.test.js");
await import("../integration/rolloutMoves.test.js");
await import("../integration/rolloutOrder.test.js");
await import("../integration/rolloutSeeding.test.js");
await import("../integration/runbookMajors.test.js");
await import("../integration/secrets.test.js");
await import("../integration/switchover.test.js");
await import("../integration/switchoverAcrossStacks.test.js");
await import("../integration/tls.test.js");
await import("../integration/tlsThereAndBack.test.js");
