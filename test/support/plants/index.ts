import { ofAccess } from "./access.js";
import type { Plant } from "./plant.js";
import { ofPrograms } from "./programs.js";
import { ofReplication } from "./replication.js";
import { ofSettings } from "./settings.js";
import { ofSql } from "./sql.js";

export { contradictions, saysSo } from "./judge.js";
export type { Plant } from "./plant.js";

/** Every change that `up` undoes by itself. */
export const plants: readonly Plant[] = [...ofPrograms, ...ofSettings, ...ofAccess, ...ofReplication, ...ofSql];
