/** The tree of a folder, without `outside`: each file's path in it → its text. */
export declare function treeOf(folder: string, outside: readonly string[]): Map<string, string>;
