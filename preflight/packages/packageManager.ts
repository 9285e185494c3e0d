import type { Host } from "../../hosts/host.js";

/** A host's own package manager. */
export interface PackageManager {
  /**
   * Installs packages without asking anything, and without a cluster made or a server started for them.
   * @param host acts as root
   * @throws with the package manager's own words
   */
  install(host: Host, packages: readonly string[]): Promise<void>;
}
