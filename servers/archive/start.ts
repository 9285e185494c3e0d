import type { Server, Site } from "../../config/site.js";
import type { Host, HostSpec } from "../../hosts/host.js";
import { hostOf } from "../../hosts/index.js";
import { findManager, installService, readService } from "../../installed/service/manager.js";
import { serviceFacts } from "../../installed/service/of.js";
import { withLock } from "../data/lock.js";
import { startServer } from "../process/process.js";
import { NotWorking, type Proof } from "../process/proof.js";
import type { Shortfall } from "../process/shortfall.js";
import { startWorking, type WorkingOptions } from "../process/start.js";
import type { Kept } from "./kept.js";

export type Joined =
  | { readonly kind: "works"; readonly proof: Proof }
  /** It runs and streams, and has days of WAL before it. */
  | { readonly kind: "catchesUp"; readonly why: string }
  /** It runs; nobody could be asked whether it does what it is there for. */
  | { readonly kind: "unproven"; readonly why: string }
  /** Not started: its rollout does it. */
  | { readonly kind: "left"; readonly missing: readonly string[] };

/**
 * Starts what was restored, and proves that it works, as far as that can be waited for.
 * @throws Refused @throws StartFailed @throws NotWorking
 */
export async function joinSite(options: WorkingOptions & { readonly kept: Kept }): Promise<Joined> {
  const { site, server, kept, signal } = options;
  const open = options.hostOf ?? hostOf;
  const host = open(server.host);
  await bringService(host, site, server, open);
  if (kept.kind === "unknown") {
    await withLock(host, server, `starting ${server.name}`, () =>
      startServer(host, server, { ...(signal === undefined ? {} : { signal }) }),
    );
    return { kind: "unproven", why: kept.reason };
  }
  try {
    const done = await startWorking(options);
    if ("missing" in done) return { kind: "left", missing: done.missing };
    if (done.proof === undefined) return { kind: "unproven", why: "its upstream waits for the rollout" };
    return { kind: "works", proof: done.proof };
  } catch (error) {
    if (error instanceof NotWorking && isCatchingUp(error.why)) return { kind: "catchesUp", why: error.reason };
    throw error;
  }
}

function isCatchingUp(why: Shortfall): boolean {
  return why.code === "replaysBehind" || (why.code === "walsenderWaits" && why.state === "catchup");
}

/** Where systemd looks after servers it starts them, so it has to know this one, as `NAME-service` tells it later. */
async function bringService(host: Host, site: Site, server: Server, open: (spec: HostSpec) => Host): Promise<void> {
  const declared = server.service?.manager;
  if (declared !== "auto" && declared !== "systemd") return;
  if ((await findManager(host)) !== "systemd") return;
  const facts = serviceFacts(site.name, server);
  const found = await readService(host, "systemd", facts);
  if (found.text !== undefined) return;
  await installService(open({ ...server.host, user: "root" }), "systemd", facts, found);
}
