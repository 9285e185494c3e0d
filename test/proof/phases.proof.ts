// What every run breaks or cuts off in a few of its phases, in all of them.
import { tryAll } from "../support/everyRun.js";

tryAll();

await import("../integration/baseBackupBetween.test.js");
await import("../integration/containers.test.js");
await import("../integration/debianLayout.test.js");
await import("../integration/hostsSite.test.js");
await import("../integration/hostsSiteFailures.test.js");
await import("../integration/offlinePreview.test.js");
await import("../integration/preflightPackages.test.js");
await import("../integration/rejoinCutOff.test.js");
await import("../integration/rolloutCutOff.test.js");
await import("../integration/rolloutCutOffMoves.test.js");
await import("../integration/switchoverCutOff.test.js");
