// Rollouts of raised and lowered floors, at servers that no registry carries.

import { tryOld } from "../support/everyRun.js";
import { oldServers } from "../support/oldServers.js";

tryOld();

if (oldServers().length > 0) await import("../integration/rolloutOrder.test.js");
