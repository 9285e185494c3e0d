// A mirror that gets its data by archive, at versions that no registry carries.

import { tryOld } from "../support/everyRun.js";
import { oldServers } from "../support/oldServers.js";

tryOld();

if (oldServers().length > 0) await import("../integration/archive.test.js");
