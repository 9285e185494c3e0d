import type { WayTaken } from "../../postgres/wayTaken.js";

const lacking = {
  role: "there is no such role",
  superuser: "that role is no superuser",
  login: "that role may not log in",
  password: "that role has another password than the one given",
} as const;

/** Why nothing is done: after the change nobody would be let in who could take it back. */
export function wayTakenInWords(taken: WayTaken): string {
  if (taken.code === "administrator") {
    const { administrator, before, lacks } = taken;
    const key = `password-${administrator}`;
    const remedy =
      lacks === "password"
        ? `give its own (pulumi config set --secret ${key})`
        : `let ${before} make it first: roles.${administrator}: { superuser: true } with ${key} in one up, and administrator: ${administrator} in the next`;
    return `administrator: ${administrator} could not do what pgsite does, since ${lacks === "role" ? "" : "on the server "}${lacking[lacks]}, and pgsite would lock itself out. Leave administrator: ${before}, and ${remedy}. Nothing was changed`;
  }
  const { server, host, administrator, from, encrypted, rule } = taken;
  const by = encrypted === undefined ? "" : encrypted ? " by TLS" : " without TLS";
  const why =
    rule === undefined
      ? `no rule would let ${administrator} in from ${from}${by}`
      : `line ${rule.line} of pg_hba.conf as declared (${rule.text}) would be the first that matches ${administrator} from ${from}${by}, and does not let it in`;
  return `${server}: ${why}: that is how pgsite comes (hosts.${host}.sessions: direct), and it would lock itself out. Declare before it under access "${encrypted ? "hostssl" : "host"} all ${administrator} ${from}/${from.includes(":") ? 128 : 32} scram-sha-256", or take sessions: direct away, and SQL goes through SSH. Nothing was changed`;
}
