import type { MirrorAfter } from "../../postgres/rollout/model.js";
import { followsFrom } from "../../postgres/rollout/promotion.js";

/** What becomes of a server of another stack, and what to do there, and when. */
export function mirrorInWords(after: MirrorAfter): string {
  const { mirror, stack, from, to, known, fate, because } = after;
  const who = stack === undefined ? `${mirror}, in another stack` : `${mirror} (${stack})`;
  const it = known === true ? who : `${who}, where it follows ${from}`;
  const up = stack === undefined ? "pulumi up there" : `pulumi up --stack ${stack}`;
  const follow = `declare ${to} as its upstream (upstream.server and .dataDirectory) and run ${up}`;
  switch (fate) {
    case "follows by itself":
      return `${it}, goes to ${to} by itself`;
    case "streams on":
      return `${it}, goes on streaming from ${from}, a hot standby then; to have it follow ${to}, ${follow}, after this up`;
    case "seeded again":
      return `${it}, cannot follow ${to}: before ${followsFrom} no standby follows another timeline over the line. It is to be seeded again: after this up declare ${to} as its upstream (upstream.server and .dataDirectory) and servers.${mirror}.seedAgain: true there, and run ${up}`;
    case "cut off": {
      const why = because === "lost" ? "is lost" : "is a warm standby then, from which nobody can stream";
      return `${it}, gets nothing from then on: ${from} ${why}. Right after this up, ${follow}; until then ${to} must keep the WAL that it lacks`;
    }
  }
}
