import type { Divergence } from "../../postgres/rollout/diverged.js";

const save = "save what it alone has, then move its data directory away and run pulumi up";

/** A server's timeline, why it is not the site's, and what becomes of it. */
export function divergenceInWords(server: string, { kind, timeline, primaryTimeline, remedy }: Divergence): string {
  const why = {
    "went on": `${timeline}, and went on after the primary had left that for ${primaryTimeline}`,
    untold: `${timeline}, which the primary has left for ${primaryTimeline}, and nothing tells whether it went on after that`,
    unrelated: `${timeline}, and that of the primary, ${primaryTimeline}, does not come from it`,
    "same number": `another ${timeline} than the primary's, and left the common past elsewhere`,
  }[kind];
  const what = {
    // docs/rejoin.md
    rejoin: "the rollout rejoins it, and keeps what it alone has",
    choose: `if ${server} has the site's data, declare it as the primary; else ${save}`,
    "by hand": save,
  }[remedy];
  return `${why} (${what})`;
}
