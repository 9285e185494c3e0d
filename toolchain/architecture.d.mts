/** Everything that is wrong with the imports of a tree (each file's path → its text), a message each. */
export declare function problemsOf(tree: ReadonlyMap<string, string>): readonly string[];
