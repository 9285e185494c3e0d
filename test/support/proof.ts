import type { Proof, TlsDemand } from "../../config/site.js";

/** What tests ask of servers that they made themselves: a password by SCRAM or md5, or (`trusted`) nothing. */
export function proof(tls: TlsDemand | "none" = "none", ...more: Proof["asks"]): Proof {
  const asks = ["scram-sha-256", "md5", ...more] as const;
  return { tls, asks, asksReplicas: asks };
}
