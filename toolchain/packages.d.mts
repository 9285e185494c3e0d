interface Lockfile {
  readonly packages?: Readonly<
    Record<string, { version?: string; integrity?: string; optional?: boolean; link?: boolean }>
  >;
}
/** Runs `npm install` (exactly the lockfile, no install scripts) where node_modules is not what package-lock.json says. */
export declare function installPackages(): Promise<void>;
/** Whether a lockfile's packages, save optional ones, are all present in the one that npm keeps in node_modules. */
export declare function sameTree(wanted: Required<Lockfile>, present: Lockfile | undefined): boolean;
