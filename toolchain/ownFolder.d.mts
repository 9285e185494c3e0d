/**
 * The folder `path`, made with `mode` (@default 0700) if it is missing, and with no more than that if it is there.
 * @throws where it is a link, somebody else's, or open to others, with the remedy
 */
export declare function ownFolder(path: string, mode?: number): string;
/** Why a folder or program that is there is not ours alone to change, with the remedy; undefined where it is. */
export declare function notOurs(path: string): string | undefined;
