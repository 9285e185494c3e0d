/** Makes a folder if it is missing; returns why it could not. After a failure it is tried again only a day later, or where there is no other way. */
export declare function fetchedOnce(
  folder: string,
  options: {
    readonly fetch: (folder: string) => Promise<string | undefined>;
    readonly hasOtherWay: () => Promise<boolean>;
  },
): Promise<string | undefined>;
