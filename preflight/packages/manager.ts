import { apt } from "./apt.js";
import type { Family } from "./families.js";
import type { PackageManager } from "./packageManager.js";

/** Those that pgsite drives; of the others it only knows the names to tell. */
export const managers: Readonly<Partial<Record<Family["manager"], PackageManager>>> = { apt };
