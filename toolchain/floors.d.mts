/** From the top to the bottom: the rooms of each floor. */
export declare const floors: readonly (readonly { readonly room: string; readonly holds: string }[])[];
/** What is no part of the product: `NAME/` for a folder. */
export declare const outside: readonly string[];
/** The names of all rooms, from the top to the bottom. */
export declare const rooms: readonly string[];
