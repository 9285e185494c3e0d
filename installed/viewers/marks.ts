/** What stands for a link that is missing, and for something else in its place: no link of the viewers leads to a name with a bracket. */
export const linkMarks = { missing: "(missing)", other: "(no link)" } as const;
