// Servers that were made by hand become a stack, at versions that no registry carries.

import { tryOld } from "../support/everyRun.js";
import { oldServers } from "../support/oldServers.js";

tryOld();

if (oldServers().length > 0) await import("../integration/import.test.js");
