import { join } from "node:path";
import type { Difference } from "../postgres/differences.js";
import { compare, parseListing } from "./listing.js";

/** How the files of a folder of ours differ, one difference a file. @param is as `listingText` of `listing.ts` says them */
export function fileDifferences(folder: string, host: string, is: string, shall: string): Difference[] {
  return compare(parseListing(shall), parseListing(is)).map((difference): Difference => {
    const object = { kind: "host file", path: join(folder, difference.name), host } as const;
    if (difference.kind === "missing") return { object, there: { is: "missing" }, consequence: "install" };
    return difference.kind === "content"
      ? { object: { ...object, part: "content" }, there: { is: "another" }, consequence: "install" }
      : {
          object: { ...object, part: "mode" },
          there: difference.is,
          declared: difference.shall,
          consequence: "install",
        };
  });
}
