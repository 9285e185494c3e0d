import { setTimeout as sleep } from "node:timers/promises";
import { type Declared, present } from "./model.js";
import type { Random } from "./random.js";
import { type FaultSite, signal } from "./site.js";

/** What goes wrong beside an `up`, `after` so many milliseconds; what lasts, for so many `seconds`. */
export type Fault = { readonly after: number } & (
  | { readonly kind: "kill"; readonly what: "pulumi" | "provider" | "everything" }
  | { readonly kind: "kill" | "end"; readonly what: Child; readonly server: string }
  | { readonly kind: "freeze" | "cut" | "slow" | "full"; readonly server: string; readonly seconds: number }
  | { readonly kind: "transaction" | "connections"; readonly seconds: number }
);

type Child = "postmaster" | "walsender" | "walreceiver" | "checkpointer";

/** What this machine can do to a site: to cut hosts off and to fill disks takes root. */
export interface Able {
  readonly cut: boolean;
  readonly fill: boolean;
}

export function drawFault(random: Random, declared: Declared, able: Able): Fault {
  const after = random.between(0, 80) * 100;
  const server = random.pick(present(declared));
  const seconds = random.between(1, 8);
  const kinds: readonly { readonly weight: number; readonly fault: Fault }[] = [
    { weight: 3, fault: { kind: "kill", what: "pulumi", after } },
    { weight: 3, fault: { kind: "kill", what: "provider", after } },
    { weight: 3, fault: { kind: "kill", what: "everything", after } },
    { weight: 3, fault: { kind: "kill", what: "postmaster", server, after } },
    { weight: 1, fault: { kind: "kill", what: "checkpointer", server, after } },
    { weight: 2, fault: { kind: random.pick(["kill", "end"]), what: "walsender", server, after } },
    { weight: 2, fault: { kind: random.pick(["kill", "end"]), what: "walreceiver", server, after } },
    { weight: 3, fault: { kind: "freeze", server, seconds, after } },
    { weight: able.cut ? 3 : 0, fault: { kind: "cut", server, seconds: seconds * 2, after } },
    { weight: able.cut ? 2 : 0, fault: { kind: "slow", server, seconds: seconds * 2, after } },
    { weight: able.fill ? 2 : 0, fault: { kind: "full", server, seconds, after } },
    { weight: 2, fault: { kind: "transaction", seconds: seconds * 2, after } },
    { weight: 2, fault: { kind: "connections", seconds, after } },
  ];
  return random.weighted(kinds).fault;
}

/** Brings a fault about; it is over when the promise resolves, or at once after `over`. */
export async function strike(site: FaultSite, declared: Declared, fault: Fault, over: AbortSignal): Promise<void> {
  await sleep(fault.after, undefined, { signal: over }).catch(() => undefined);
  if (over.aborted) return;
  switch (fault.kind) {
    case "kill":
    case "end":
      return "server" in fault ? killChild(site, fault) : killRun(site, fault.what);
    case "freeze": {
      const pids = site.pids(fault.server);
      for (const pid of pids) signal(pid, "SIGSTOP");
      await lasting(fault.seconds, over);
      for (const pid of new Set([...pids, ...site.pids(fault.server)])) signal(pid, "SIGCONT");
      return;
    }
    case "cut":
    case "slow":
    case "full": {
      const { server, kind } = fault;
      const heal = kind === "full" ? site.fill(server) : site.cut(server, kind === "slow");
      await lasting(fault.seconds, over);
      return heal();
    }
    case "transaction":
      return site
        .connected(declared.primary, async (client) => {
          await client.query("begin");
          await client.query("create table if not exists held (at timestamptz); insert into held values (now())");
          await lasting(fault.seconds, over);
        })
        .catch(() => undefined);
    case "connections":
      return crowd(site, declared, fault.seconds, over);
  }
}

async function lasting(seconds: number, over: AbortSignal): Promise<void> {
  await sleep(seconds * 1000, undefined, { signal: over }).catch(() => undefined);
}

function killRun(site: FaultSite, what: "pulumi" | "provider" | "everything"): void {
  for (const line of site.processes()) {
    const pid = Number(line.split(" ")[0]);
    const isWanted = {
      pulumi: / (\S*\/)?pulumi .* up /.test(line),
      provider: line.includes("provider/main.js"),
      everything: true,
    }[what];
    if (isWanted) signal(pid, "SIGKILL");
  }
}

function killChild(site: FaultSite, { kind, what, server }: { kind: "kill" | "end"; what: Child; server: string }) {
  const [postmaster, ...children] = site.pids(server);
  const wanted = what === "postmaster" ? [postmaster] : children.filter((pid) => site.title(pid).includes(what));
  for (const pid of wanted) if (pid !== undefined) signal(pid, kind === "kill" ? "SIGKILL" : "SIGTERM");
}

/** All connections that clients may have are taken. */
async function crowd(site: FaultSite, declared: Declared, seconds: number, over: AbortSignal): Promise<void> {
  const leave = new AbortController();
  const held: Promise<unknown>[] = [];
  let refused = false;
  for (let count = 0; count < 100 && !refused && !over.aborted; count += 1) {
    await new Promise<void>((next) => {
      const hold = async () => {
        next();
        await lasting(seconds, AbortSignal.any([over, leave.signal]));
      };
      held.push(
        site.connected(declared.primary, hold, "app", "app").catch(() => {
          refused = true;
          next();
        }),
      );
    });
  }
  await lasting(seconds, over);
  leave.abort();
  await Promise.all(held);
}
