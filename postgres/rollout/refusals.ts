import { parseConninfo } from "../files/conninfo.js";
import { Effective } from "../settings/effective.js";
import { floorsOf } from "../settings/floors.js";
import type { Major } from "../versions.js";
import type { ActualServer, ConfigurationFacts, DesiredServer } from "./model.js";

/**
 * A server whose real role is not the declared one, where no switchover makes it so. One that was shut down as a primary
 * becomes a standby when it starts with the files of one.
 */
export function refuseRoles(
  actual: Readonly<Record<string, ActualServer>>,
  desired: Readonly<Record<string, DesiredServer>>,
): readonly string[] {
  const wrong = Object.keys(desired)
    .sort()
    .flatMap((name) => {
      const is = actual[name];
      const role = desired[name]?.role;
      if (is === undefined || role === undefined || !is.data || is.inRecovery === (role !== "primary")) return [];
      if (role !== "primary" && is.shutDown === true) return [];
      // That says more.
      if (is.diverged !== undefined) return [];
      return [`${name} is ${is.inRecovery ? "in recovery" : "not in recovery"} and is declared ${role}`];
    });
  if (wrong.length === 0) return [];
  return [
    `${wrong.join("; ")}: a switchover takes one primary and the standby that is to follow it. Nothing was changed; declare the roles that the servers have`,
  ];
}

/** A description in which a hot standby is below its primary cannot be rolled out in any order. */
export function refuseFloors(desired: Readonly<Record<string, DesiredServer>>): readonly string[] {
  const primary = Object.entries(desired).find(([, { role }]) => role === "primary");
  if (primary === undefined) return [];
  const [primaryName, { version, settings }] = primary;
  const wanted = floorsOf(version, settings);
  return Object.entries(desired).flatMap(([name, standby]) => {
    if (name === primaryName || !standby.hotStandby) return [];
    const has = floorsOf(standby.version, standby.settings);
    return Object.entries(wanted).flatMap(([setting, floor]) =>
      (has[setting] ?? 0) < floor
        ? [
            `${name}: ${setting} ${has[setting]} is below the ${floor} of ${primaryName}, and a hot standby would not start`,
          ]
        : [],
    );
  });
}

/** Hot standbys that would not go on under a server that is to be the primary, with what it runs with. */
export function refuseBelow(
  begun: string,
  to: string,
  actual: Readonly<Record<string, ActualServer>>,
  desired: Readonly<Record<string, DesiredServer>>,
): readonly string[] {
  const [next, declared] = [actual[to], desired[to]];
  if (next === undefined || declared === undefined) return [];
  const floors = floorsOf(declared.version, next.settings);
  return Object.keys(desired)
    .sort()
    .flatMap((name) => {
      const is = actual[name];
      const shall = desired[name];
      if (name === to || is === undefined || shall?.hotStandby !== true || !is.running) return [];
      const own = floorsOf(shall.version, is.settings);
      return Object.entries(floors)
        .filter(([setting, floor]) => (own[setting] ?? 0) < floor)
        .map(
          ([setting, floor]) =>
            `${begun}: ${setting} of ${name} is ${own[setting]}, below the ${floor} of ${to}, with which it would not go on: raise it first, in an up of its own`,
        );
    });
}

/** No program of one major version starts on the data of another. */
export function refuseVersions(
  actual: Readonly<Record<string, ActualServer>>,
  desired: Readonly<Record<string, DesiredServer>>,
): readonly string[] {
  return Object.entries(desired)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .flatMap(([name, { version }]) => {
      const is = actual[name];
      if (is === undefined || !is.data || is.version === undefined || is.version === version) return [];
      return [
        `${name} has data of PostgreSQL ${is.version} and is declared ${version}: pg_upgrade, or dump and restore, brings them there. Nothing was changed; until then declare ${is.version}`,
      ];
    });
}

/** Whatever were done to it, it would never stream again; and what it alone has is not ours to throw away. */
export function refuseDiverged(
  actual: Readonly<Record<string, ActualServer>>,
  desired: Readonly<Record<string, DesiredServer>>,
): readonly string[] {
  return Object.keys(desired)
    .sort()
    .flatMap((name) => {
      const diverged = actual[name]?.diverged;
      if (diverged === undefined || desired[name]?.role === "primary") return [];
      return [`the timeline of ${name} is ${diverged}. Nothing was changed`];
    });
}

/**
 * A standby that insists on TLS and an upstream that has none: until the other one's turn nothing would stream, and the
 * rollout would end there. With `tls.required: false` in between, both get along at every moment.
 */
export function refuseTls(
  actual: Readonly<Record<string, ActualServer>>,
  desired: Readonly<Record<string, DesiredServer>>,
): readonly string[] {
  const insists = ({ settings }: ConfigurationFacts) =>
    parseConninfo(settings.primary_conninfo ?? "")?.sslmode === "verify-full";
  const offers = (name: string, { settings }: ConfigurationFacts) =>
    new Effective(desired[name]?.version as Major, settings).on("ssl");
  const standbys = Object.keys(desired).sort();
  return standbys.flatMap((name) => {
    const [is, shall] = [actual[name], desired[name] as DesiredServer];
    const [now, later] = [is?.follows ?? "", shall.upstream ?? ""];
    const upstream = actual[later];
    const comes = is?.data === true && !insists(is) && insists(shall);
    if (comes && upstream?.data === true && upstream.running && !offers(later, upstream)) {
      return [
        `${name} is to insist on TLS with ${later}, which runs without. Nothing was changed; declare tls.required: false, pulumi up, then take that away`,
      ];
    }
    const declared = desired[now];
    if (is?.running === true && declared !== undefined && insists(is) && !offers(now, declared)) {
      return [
        `${name} insists on TLS with ${now}, which is to offer none. Nothing was changed; declare tls with required: false, pulumi up, then take tls away`,
      ];
    }
    return [];
  });
}
