/** Lies in a data directory while pgsite fills it; whatever is beside it is pgsite's own and may be done again. */

import type { Server } from "./site.js";

export const incompleteMarker = "pgsite.incomplete";

/** The two folders of a server on its host. */
export type Directories = Pick<Server, "dataDirectory" | "controlDirectory">;
