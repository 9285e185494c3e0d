/** File systems by stat(1)'s names that are not for a server's data, and why. */
const unfit: readonly { readonly pattern: RegExp; readonly refused: boolean; readonly why: string }[] = [
  {
    pattern: /^nfs/,
    refused: true,
    why: "NFS, where PostgreSQL's data is not safe: what it has synced may not be on a disk",
  },
  {
    pattern: /^(cifs|smb)/,
    refused: true,
    why: "a Windows share (CIFS), which has neither the locks nor the syncing that PostgreSQL's data needs",
  },
  { pattern: /^(tmpfs|ramfs)$/, refused: false, why: "memory (tmpfs): a reboot empties it" },
];

/** File systems on which copies by cp share blocks: a copy within one takes no space. */
const sharing = new Set(["xfs", "btrfs"]);

/** Why a file system is no place for a server's data; undefined where nothing is to be said. */
export function unfitFor(type: string): { readonly refused: boolean; readonly why: string } | undefined {
  return unfit.find(({ pattern }) => pattern.test(type));
}

export function sharesBlocks(type: string): boolean {
  return sharing.has(type);
}
