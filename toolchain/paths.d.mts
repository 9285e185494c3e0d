/** The checkout of pgsite that this code belongs to (also when it runs from a bundle under `dist/`). */
export declare const checkout: string;
/** `linux-x64` and the like, as Node and npm name it. */
export declare const platform: string;
/** `~/.cache/pgsite/toolchain`, or under `XDG_CACHE_HOME`; made if missing. */
export declare function toolchainCache(): string;
/** The folder of unpacked server programs; as root one that everyone may search. */
export declare function programsCache(): string;
