import type { Options } from "execa";

/** What a reader sees of Pulumi's output while it runs: all of it, or only what happens. */
export type Show = "everything" | "news";

/** Lines that say that something is about to be looked at, or is as it was. */
const noNews =
  /^@ |^ ~ .* refresh(ing)? |^ {4}\S+:\S+:\S+ \S+ (running )?(\(\d+s\) )?$| (creating|updating|deleting) \([\d.]+s\) $/;

/** Where a Pulumi program's output goes for that. */
export function shown(show: Show): Pick<Options, "stdout" | "stderr"> {
  const news = function* (line: unknown) {
    if (!noNews.test(String(line))) yield line;
  };
  return { stdout: show === "news" ? [news, "inherit", "pipe"] : ["inherit", "pipe"], stderr: ["inherit", "pipe"] };
}
