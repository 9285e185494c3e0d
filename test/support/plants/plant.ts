import { atLeast, type Major } from "../../../postgres/versions.js";
import type { Plot } from "../plantSite.js";

/** One change behind pgsite's back, and how the preview is to say it. */
export interface Plant {
  readonly name: string;
  readonly plant: (plot: Plot) => Promise<void>;
  /** A whole sentence, or its beginning and its end with `…` between. */
  readonly said: string | ((plot: Plot) => string);
  /** False where it cannot stand beside the others, for they touch the same. @default true */
  readonly together?: boolean;
  /** The first version that knows it, or says it so. @default all do */
  readonly from?: Major;
  /** Only root can do it. */
  readonly asRoot?: boolean;
  /** Whether it is in force: so after it was planted, and no more once it is healed. */
  readonly inForce?: (plot: Plot) => Promise<boolean>;
}

export const conf = "postgresql.conf";
export const hba = "pg_hba.conf";

/** Takes out what matches. */
export const without = (pattern: RegExp) => (text: string) => text.replace(pattern, "");

/** By which method the site's rules ask. */
export const method = ({ major }: Plot) => (atLeast(major, "10") ? "scram-sha-256" : "md5");
