import { asksOf, parseHba } from "../../postgres/files/hba/index.js";
import type { Reached } from "../facts.js";
import type { Complaint, Seen } from "../finding.js";
import { installs, toInstall } from "../packages/missing.js";

/** Whether SQL will get to the server: through SSH, by perl on its host, or, where the stack says so, by TCP from here. */
export function checkSessions(seen: Seen): Complaint[] {
  const { reached } = seen.facts;
  if (reached?.by === "tcp") return [...byTcp(seen, reached), ...byRules(seen, reached)];
  const { request, server, host } = seen;
  if (server.host.transport === "docker" || server.host.sessions === "direct") return [];
  if (!host.missingTools.includes("perl") || installs(request, host, "perl")) return [];
  const closed = reached === undefined ? undefined : whyClosed(reached);
  const complaint = { check: "sessions", path: `hosts.${server.host.name}` } as const;
  const perl = toInstall(host, "perl", request.version);
  if (closed === undefined) {
    return [
      {
        ...complaint,
        severity: "warning",
        cause: `perl is missing: a server that no longer lets pgsite's administrator in could not be helped as ${host.osUser}`,
        remedy: perl,
      },
    ];
  }
  const say = (name: string) => ({
    cause: `SQL gets there neither through SSH (${closed.cause}) nor by perl, which is missing`,
    remedy: `one of: ${perl}; ${closed.remedy}; hosts.${name}.sessions: direct, and SQL goes over the network`,
  });
  return [{ ...complaint, severity: "error", ...say(server.host.name), ofMany: say("NAME") }];
}

function whyClosed({ to, is }: Extract<Reached, { by: "forwarding" }>) {
  if (to === undefined) {
    return {
      cause: "it is to listen on no address",
      remedy: "listen_addresses: localhost",
    };
  }
  if (is !== "forbidden") return undefined;
  const place = `${to.address}:${to.port}`;
  return {
    cause: `its sshd forbids that login to forward to ${place}`,
    remedy: `AllowTcpForwarding local in its sshd_config, where no PermitOpen and no line of authorized_keys leaves ${place} out`,
  };
}

function byTcp({ server, facts }: Seen, { to, is }: Extract<Reached, { by: "tcp" }>): Complaint[] {
  const listens =
    facts.postmaster !== undefined &&
    facts.listeners.some(({ processes }) => processes.includes(facts.postmaster as number));
  const why = {
    answered: undefined,
    // Where no server is yet, that is as it should be.
    refused: listens ? "is refused to this machine, though the server listens" : undefined,
    silent: "does not answer this machine within 2 s",
    noWay: "is not to be reached from this machine",
  }[is];
  if (why === undefined) return [];
  const say = (place: string, name: string) => ({
    cause: `${place} ${why}, and hosts.${name}.sessions: direct has its SQL go there`,
    remedy: "open it in the firewall, or take that key away: SQL goes through SSH then",
  });
  return [
    {
      check: "sessions",
      severity: "error",
      path: `hosts.${server.host.name}.sessions`,
      ...say(`port ${to.port} of ${to.address}`, server.host.name),
      ofMany: say(`port ${to.port}`, "NAME"),
    },
  ];
}

/** What is between may put another address in the place of this machine's, so that a rule for that one may be the right one. */
function byRules({ request, server }: Seen, { from }: Extract<Reached, { by: "tcp" }>): Complaint[] {
  if (server.direct === undefined) return [];
  const { administrator: user, rules: text } = server.direct;
  const rules = parseHba(text, { major: request.version }).entries.flatMap(({ rule }) => rule ?? []);
  const comer = { user, replicates: false, to: server.address };
  const isIn = (who: Parameters<typeof asksOf>[1]) => asksOf(rules, who).length > 0;
  if (from === undefined ? isIn(comer) : isIn({ ...comer, from })) return [];
  const certain = !isIn(comer);
  const here = from ?? "this machine";
  const say = (name: string) => ({
    cause: `no access rule lets ${user} in from ${here}${certain ? "" : ", if that is how this machine comes to it"}, and hosts.${name}.sessions: direct has SQL come from there`,
    remedy: `a rule for it in access (host all ${user} ${here}/${here.includes(":") ? 128 : 32} METHOD), or take that key away: SQL goes through SSH then`,
  });
  return [
    {
      check: "sessions",
      severity: certain ? "error" : "warning",
      path: "access",
      ...say(server.host.name),
      ofMany: say("NAME"),
    },
  ];
}
