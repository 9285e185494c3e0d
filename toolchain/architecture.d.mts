/** Everything that is wrong with the imports of a tree (each file's path → its text), a message each. */
export declare function problemsOf(tree: ReadonlyMap<string, string>): readonly string[];
/** Everything that is wrong with the text of ARCHITECTURE.md, a message each. */
export declare function documentProblems(text: string): readonly string[];
/** The text of ARCHITECTURE.md with the table as it is now; undefined if it has no place for one. */
export declare function withTable(text: string): string | undefined;
/** The table of the floors, in Markdown. */
export declare function tableOf(): string;
