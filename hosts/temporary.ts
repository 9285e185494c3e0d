/**
 * The ending of a file that is being written, beside the one in whose place it comes: `.LOT.pgsite-new`. It is left if we are
 * killed in between; nothing reads it, and no base backup takes it along.
 */
export const temporaryEnding = ".pgsite-new";
