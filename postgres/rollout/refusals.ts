import { parseConninfo } from "../files/conninfo.js";
import { Effective } from "../settings/effective.js";
import { type Floors, floorsOf } from "../settings/floors.js";
import type { Major } from "../versions.js";
import type { ActualServer, ConfigurationFacts, DesiredServer, Gap, Refusal } from "./model.js";

/**
 * A server whose real role is not the declared one, where no switchover makes it so. One that was shut down as a primary
 * becomes a standby when it starts with the files of one.
 */
export function refuseRoles(
  actual: Readonly<Record<string, ActualServer>>,
  desired: Readonly<Record<string, DesiredServer>>,
): readonly Refusal[] {
  const servers = Object.keys(desired)
    .sort()
    .flatMap((name) => {
      const is = actual[name];
      const role = desired[name]?.role;
      if (is === undefined || role === undefined || !is.data || is.inRecovery === (role !== "primary")) return [];
      if (role !== "primary" && is.shutDown === true) return [];
      // That says more.
      if (is.diverged !== undefined) return [];
      return [{ server: name, inRecovery: is.inRecovery, declared: role }];
    });
  return servers.length === 0 ? [] : [{ code: "roles", servers }];
}

/** A description in which a hot standby is below its primary cannot be rolled out in any order. */
export function refuseFloors(desired: Readonly<Record<string, DesiredServer>>): readonly Refusal[] {
  const primary = Object.entries(desired).find(([, { role }]) => role === "primary");
  if (primary === undefined) return [];
  const [primaryName, { version, settings }] = primary;
  const wanted = floorsOf(version, settings);
  return Object.entries(desired).flatMap(([name, standby]) => {
    if (name === primaryName || !standby.hotStandby) return [];
    const has = floorsOf(standby.version, standby.settings);
    return gapsOf(has, wanted).map((gap) => ({ code: "belowPrimary", server: name, primary: primaryName, ...gap }));
  });
}

function gapsOf(has: Floors, wanted: Floors): readonly Gap[] {
  return Object.entries(wanted).flatMap(([setting, floor]) => {
    const value = has[setting] ?? 0;
    return value < floor ? [{ setting, value, floor }] : [];
  });
}

/** Hot standbys that would not go on under a server that is to be the primary, with what it runs with. */
export function refuseBelow(
  to: string,
  actual: Readonly<Record<string, ActualServer>>,
  desired: Readonly<Record<string, DesiredServer>>,
): readonly ({ readonly code: "belowNext"; readonly server: string } & Gap)[] {
  const [next, declared] = [actual[to], desired[to]];
  if (next === undefined || declared === undefined) return [];
  const floors = floorsOf(declared.version, next.settings);
  return Object.keys(desired)
    .sort()
    .flatMap((name) => {
      const is = actual[name];
      const shall = desired[name];
      if (name === to || is === undefined || shall?.hotStandby !== true || !is.running) return [];
      const gaps = gapsOf(floorsOf(shall.version, is.settings), floors);
      return gaps.map((gap) => ({ code: "belowNext", server: name, ...gap }) as const);
    });
}

/** No program of one major version starts on the data of another. */
export function refuseVersions(
  actual: Readonly<Record<string, ActualServer>>,
  desired: Readonly<Record<string, DesiredServer>>,
): readonly Refusal[] {
  return Object.entries(desired)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .flatMap(([name, { version }]) => {
      const is = actual[name];
      if (is === undefined || !is.data || is.version === undefined || is.version === version) return [];
      return [{ code: "otherVersion", server: name, is: is.version, declared: version }];
    });
}

/** Whatever were done to it, it would never stream again; and what it alone has is not ours to throw away. */
export function refuseDiverged(
  actual: Readonly<Record<string, ActualServer>>,
  desired: Readonly<Record<string, DesiredServer>>,
): readonly Refusal[] {
  return Object.keys(desired)
    .sort()
    .flatMap((name) => {
      const diverged = actual[name]?.diverged;
      if (diverged === undefined || desired[name]?.role === "primary") return [];
      return [{ code: "diverged", server: name, diverged }];
    });
}

/**
 * A standby that insists on TLS and an upstream that has none: until the other one's turn nothing would stream, and the
 * rollout would end there. With `tls.required: false` in between, both get along at every moment.
 */
export function refuseTls(
  actual: Readonly<Record<string, ActualServer>>,
  desired: Readonly<Record<string, DesiredServer>>,
): readonly Refusal[] {
  const insists = ({ settings }: ConfigurationFacts) =>
    parseConninfo(settings.primary_conninfo ?? "")?.sslmode === "verify-full";
  const offers = (name: string, { settings }: ConfigurationFacts) =>
    new Effective(desired[name]?.version as Major, settings).on("ssl");
  const standbys = Object.keys(desired).sort();
  return standbys.flatMap((name): readonly Refusal[] => {
    const [is, shall] = [actual[name], desired[name] as DesiredServer];
    const [now, later] = [is?.follows ?? "", shall.upstream ?? ""];
    const upstream = actual[later];
    const comes = is?.data === true && !insists(is) && insists(shall);
    if (comes && upstream?.data === true && upstream.running && !offers(later, upstream)) {
      return [{ code: "tlsNotThere", server: name, upstream: later }];
    }
    const declared = desired[now];
    if (is?.running === true && declared !== undefined && insists(is) && !offers(now, declared)) {
      return [{ code: "tlsStillNeeded", server: name, upstream: now }];
    }
    return [];
  });
}
