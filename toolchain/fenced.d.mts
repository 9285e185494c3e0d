/** Characters of a comment that GitHub takes, less what stands around the text. */
export declare const limit: number;
/** The text below a heading, in a fence that nothing in it can end. */
export declare function fenced(title: string, text: string, most?: number): string;
/** The beginning of a regular file. @throws for a link, or what is no file */
export declare function beginning(path: string): string;
