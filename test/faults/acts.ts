import { allowed, refused } from "./acts/settings.js";
import {
  app,
  type Declared,
  followersOf,
  names,
  present,
  type Settings,
  successors,
  upstreamOf,
  withPrimary,
  withServer,
} from "./model.js";
import type { Random } from "./random.js";

/** What an administrator does, as data. */
export type Act =
  | { readonly kind: "set" | "refused"; readonly name: string; readonly value: unknown; readonly more?: Settings }
  | { readonly kind: "setServer"; readonly server: string; readonly name: string; readonly value: unknown }
  | { readonly kind: "rule"; readonly rule: Settings }
  | { readonly kind: "role"; readonly role: string; readonly is: Settings }
  | { readonly kind: "password"; readonly role: string }
  | { readonly kind: "switchover" | "failover" | "runbook"; readonly to: string }
  | { readonly kind: "rejoin" | "remove" | "crash" | "seedAgain"; readonly server: string }
  | { readonly kind: "add"; readonly server: string; readonly upstream?: string }
  | { readonly kind: "follow"; readonly server: string; readonly upstream?: string }
  | { readonly kind: "tls" | "leap"; readonly tls: Declared["tls"] }
  | { readonly kind: "archiving"; readonly archiving: Declared["archiving"] }
  | { readonly kind: "synchronous"; readonly server?: string };

type Kind = Act["kind"];
type Of<K extends Kind> = Act & { readonly kind: K };

interface ActKind<K extends Kind> {
  /** How often, beside the others. */
  readonly weight: number;
  /** One that changes something, or nothing where there is none. */
  readonly draw: (random: Random, declared: Declared) => Of<K> | undefined;
  /** What is declared then; nothing where it cannot be done, or would change nothing. */
  readonly apply: (declared: Declared, act: Of<K>) => Declared | undefined;
}

/** A server that an earlier failover left lost is to come back before the next one. */
const allThere = ({ servers }: Declared) => Object.values(servers).every(({ lost }) => lost === undefined);

const standbys = (declared: Declared) => present(declared).filter((name) => name !== declared.primary);

const takesOver = (declared: Declared, { to }: { readonly to: string }) => {
  if (!allThere(declared) || !successors(declared).includes(to)) return undefined;
  const { synchronous, ...rest } = withPrimary(declared, to);
  // Nobody waits for itself, or for who is gone.
  return synchronous === undefined || synchronous === to ? rest : { ...rest, synchronous };
};

const drawTakeOver =
  <K extends "switchover" | "failover" | "runbook">(kind: K) =>
  (random: Random, declared: Declared) => {
    const able = allThere(declared) ? successors(declared) : [];
    return able.length === 0 ? undefined : ({ kind, to: random.pick(able) } as Of<K>);
  };

/** One of them, or none. */
const one = (random: Random, from: readonly string[]) => (from.length === 0 ? [] : [random.pick(from)]);

const drawStandby =
  <K extends "seedAgain" | "remove">(kind: K) =>
  (random: Random, declared: Declared) => {
    const able = standbys(declared);
    return able.length === 0 ? undefined : ({ kind, server: random.pick(able) } as Of<K>);
  };

const there = (declared: Declared, { server }: { readonly server: string }) =>
  standbys(declared).includes(server) ? declared : undefined;

const set = (declared: Declared, { name, value, more }: Of<"set" | "refused">) => {
  if (declared.settings[name] === value) return undefined;
  return { ...declared, settings: { ...declared.settings, [name]: value, ...more } };
};

const rules: readonly Settings[] = [
  { type: "host", database: "app", user: "app", address: "192.0.2.0/24" },
  { type: "host", database: "all", user: "all", address: "198.51.100.7/32", method: "reject" },
  { type: "local", database: "all", user: "all", method: "peer" },
  // The server has no TLS at times: PostgreSQL remarks that it cannot match.
  { type: "hostssl", database: "app", user: "app", address: "203.0.113.0/24" },
];

const isRule = (one: Settings) => (other: Settings) => JSON.stringify(one) === JSON.stringify(other);

const tlsSteps: Readonly<Record<Declared["tls"], readonly Declared["tls"][]>> = {
  none: ["offered"],
  offered: ["required", "none"],
  required: ["offered"],
};

export const acts: { readonly [K in Kind]: ActKind<K> } = {
  set: {
    weight: 9,
    draw: (random) => {
      const { name, values, more } = random.pick(allowed);
      return { kind: "set", name, value: random.pick(values), ...(more === undefined ? {} : { more }) };
    },
    apply: set,
  },
  refused: {
    weight: 2,
    draw: (random) => ({ kind: "refused", ...random.pick(refused) }),
    apply: set,
  },
  setServer: {
    weight: 3,
    draw: (random, declared) => {
      const [server] = one(random, standbys(declared));
      if (server === undefined) return undefined;
      const [name, value] = random.pick<readonly [string, unknown]>([
        ["recovery_min_apply_delay", random.pick([long, "2s"])],
        ["recovery_min_apply_delay", null],
        ["hot_standby_feedback", random.percent(50)],
        ["primary_slot_name", random.pick([server, null])],
        ["cluster_name", `the_${server}`],
      ]);
      return { kind: "setServer", server, name, value };
    },
    apply: (declared, { server, name, value }) => {
      if (there(declared, { server }) === undefined || declared.servers[server]?.mirror === undefined) {
        // The standby that takes over next is one that can.
        if (name === "recovery_min_apply_delay" && value !== null) return undefined;
      }
      const standing = declared.servers[server];
      if (standing === undefined || (standing.settings[name] ?? null) === value) return undefined;
      const { [name]: _, ...rest } = standing.settings;
      return withServer(declared, server, { settings: value === null ? rest : { ...rest, [name]: value } });
    },
  },
  rule: {
    weight: 2,
    draw: (random) => ({ kind: "rule", rule: random.pick(rules) }),
    apply: (declared, { rule }) => {
      const others = declared.access.filter((one) => !isRule(rule)(one));
      const access = others.length < declared.access.length ? others : [...others, rule];
      return { ...declared, access };
    },
  },
  role: {
    weight: 2,
    draw: (random) => ({
      kind: "role",
      role: random.pick(["reports", "nightly"]),
      is: { connectionLimit: random.between(1, 9), ...(random.percent(50) ? { memberOf: [app] } : {}) },
    }),
    apply: (declared, { role, is }) => ({ ...declared, roles: { ...declared.roles, [role]: is } }),
  },
  password: {
    weight: 2,
    draw: (random) => ({ kind: "password", role: random.pick([app, "postgres", "replicator"]) }),
    apply: (declared, { role }) => {
      const passwords = { ...declared.passwords, [role]: (declared.passwords[role] ?? 0) + 1 };
      return { ...declared, passwords };
    },
  },
  switchover: { weight: 4, draw: drawTakeOver("switchover"), apply: takesOver },
  failover: {
    weight: 2,
    draw: drawTakeOver("failover"),
    apply: (declared, act) => {
      const next = takesOver(declared, act);
      return next && withServer(next, declared.primary, { lost: "lost" });
    },
  },
  runbook: { weight: 2, draw: drawTakeOver("runbook"), apply: takesOver },
  rejoin: {
    weight: 8,
    draw: (random, { servers }) => {
      const lost = Object.keys(servers).filter((name) => servers[name]?.lost !== undefined);
      return lost.length === 0 ? undefined : { kind: "rejoin", server: random.pick(lost) };
    },
    apply: (declared, { server }) => {
      const { lost, ...rest } = declared.servers[server] ?? { settings: {} };
      return lost === undefined ? undefined : { ...declared, servers: { ...declared.servers, [server]: rest } };
    },
  },
  remove: {
    weight: 1,
    draw: drawStandby("remove"),
    apply: (declared, { server }) => {
      const isNeeded = successors(declared).length === 1 && successors(declared).includes(server);
      if (!there(declared, { server }) || isNeeded || declared.synchronous === server) return undefined;
      if (followersOf(declared, server).length > 0) return undefined;
      const { [server]: _, ...servers } = declared.servers;
      return { ...declared, servers };
    },
  },
  add: {
    weight: 3,
    draw: (random, declared) => {
      const absent = names.filter((name) => declared.servers[name] === undefined);
      if (absent.length === 0) return undefined;
      const upstream = random.pick([undefined, ...standbys(declared)]);
      return { kind: "add", server: random.pick(absent), ...(upstream === undefined ? {} : { upstream }) };
    },
    apply: (declared, { server, upstream }) => {
      if (declared.servers[server] !== undefined) return undefined;
      if (upstream !== undefined && !present(declared).includes(upstream)) return undefined;
      return withServer(declared, server, { ...(upstream === undefined ? {} : { upstream }) });
    },
  },
  follow: {
    weight: 1,
    draw: (random, declared) => {
      const [server] = one(random, standbys(declared));
      const upstream = random.pick([undefined, ...standbys(declared)]);
      return server === undefined
        ? undefined
        : { kind: "follow", server, ...(upstream === undefined ? {} : { upstream }) };
    },
    apply: (declared, { server, upstream }) => {
      if (!there(declared, { server }) || upstreamOf(declared, server) === (upstream ?? declared.primary))
        return undefined;
      if (upstream !== undefined && !present(declared).includes(upstream)) return undefined;
      // No circle, and somebody can take over still.
      for (let above = upstream; above !== undefined; above = upstreamOf(declared, above)) {
        if (above === server) return undefined;
      }
      const { upstream: _, ...rest } = declared.servers[server] ?? { settings: {} };
      const standing = { ...rest, ...(upstream === undefined ? {} : { upstream }) };
      const next = { ...declared, servers: { ...declared.servers, [server]: standing } };
      return successors(next).length === 0 ? undefined : next;
    },
  },
  crash: {
    weight: 2,
    draw: (random, declared) => ({ kind: "crash", server: random.pick(present(declared)) }),
    apply: (declared, { server }) => (present(declared).includes(server) ? declared : undefined),
  },
  seedAgain: {
    weight: 1,
    draw: drawStandby("seedAgain"),
    // Whoever follows it may need WAL that its new data do not begin with.
    apply: (declared, act) => (followersOf(declared, act.server).length > 0 ? undefined : there(declared, act)),
  },
  tls: {
    weight: 2,
    draw: (random, declared) => ({ kind: "tls", tls: random.pick(tlsSteps[declared.tls]) }),
    // Certificates cannot be made on a lost host.
    apply: (declared, { tls }) =>
      allThere(declared) && tlsSteps[declared.tls].includes(tls) ? { ...declared, tls } : undefined,
  },
  leap: {
    weight: 1,
    draw: (_, { tls }) => (tls === "none" ? { kind: "leap", tls: "required" } : undefined),
    apply: (declared, { tls }) => (allThere(declared) && declared.tls === "none" ? { ...declared, tls } : undefined),
  },
  archiving: {
    weight: 2,
    draw: (random) => ({ kind: "archiving", archiving: random.pick(["none", "works", "hangs", "hangs"]) }),
    apply: (declared, { archiving }) => (declared.archiving === archiving ? undefined : { ...declared, archiving }),
  },
  synchronous: {
    weight: 1,
    draw: (random, declared) => {
      const server = random.pick([undefined, ...successors(declared)]);
      return { kind: "synchronous", ...(server === undefined ? {} : { server }) };
    },
    apply: (declared, { server }) => {
      if (declared.synchronous === server || (server !== undefined && !successors(declared).includes(server)))
        return undefined;
      const { synchronous: _, ...rest } = declared;
      return server === undefined ? rest : { ...rest, synchronous: server };
    },
  },
};

/** What is declared after an act; nothing where it cannot be done from there, or would change nothing. */
export function after(declared: Declared, act: Act): Declared | undefined {
  const kind = acts[act.kind] as ActKind<Kind>;
  return kind.apply(declared, act as Of<Kind>);
}

/** An act that can be done now. */
export function drawAct(random: Random, declared: Declared): Act {
  for (;;) {
    const kind = random.weighted(Object.values(acts) as readonly ActKind<Kind>[]);
    const act = kind.draw(random, declared) as Act | undefined;
    if (act === undefined || after(declared, act) === undefined) continue;
    if (isDelayed(declared) && !isQuiet(act)) continue;
    return act;
  }
}

/**
 * Acts beside which no server starts anew. A standby that does, and is told to replay an hour late, gets no WAL until it has
 * replayed what it has: until that is known to be no fault of its own, nothing is to start it.
 */
function isQuiet(act: Act): boolean {
  if (act.kind === "set") return allowed.some(({ name, restarts }) => name === act.name && !restarts);
  if (act.kind === "setServer") return act.name !== "cluster_name";
  return ["rule", "role", "password", "archiving", "rejoin"].includes(act.kind);
}

const long = "1h";

/** Whether a standby is to replay later than a campaign lasts. */
export function isDelayed({ servers }: Declared): boolean {
  return Object.values(servers).some(({ settings }) => settings.recovery_min_apply_delay === long);
}
