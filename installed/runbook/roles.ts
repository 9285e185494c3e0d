/** What became of a server: it took over, it follows another, it was a primary and is a standby again. */
export const roleWords = ["promoted", "follows", "rejoined"] as const;

export interface RoleChange {
  /** ISO, by the clock of whoever wrote it down. */
  readonly at: string;
  readonly what: (typeof roleWords)[number];
  /** The other server: the lost one, the one that it follows. @default nobody knew */
  readonly other?: string;
  /** `hand`: by the runbook's scripts. */
  readonly by: "hand" | "pulumi";
}

/**
 * A server's journal of roles, oldest first: `TIME<tab>WORD<tab>NAME`, and `<tab>pulumi` where Pulumi did it; the runbook's scripts
 * write it too (journal of common.sh). A line that was cut off is left out.
 */
export function roleChangesIn(text: string): readonly RoleChange[] {
  return text.split("\n").flatMap((line): readonly RoleChange[] => {
    const [at = "", word, other = "", by] = line.split("\t");
    const what = roleWords.find((one) => one === word);
    if (what === undefined || !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(at)) return [];
    return [{ at, what, ...(other === "" ? {} : { other }), by: by === "pulumi" ? "pulumi" : "hand" }];
  });
}

/** A line of it. */
export function roleLine({ at, what, other = "", by }: RoleChange): string {
  const words = [at.replace(/\.\d+Z$/, "Z"), what, other, ...(by === "pulumi" ? [by] : [])];
  return `${words.join("\t")}\n`;
}
