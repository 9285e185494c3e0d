import { controlPath } from "../../config/controlDirectory.js";
import type { Server, Site } from "../../config/site.js";
import { isOfHost } from "../../hosts/host.js";
import { hostOf } from "../../hosts/index.js";
import { backupJobs } from "../../installed/backups/facts.js";
import { defined } from "../../postgres/defined.js";
import { type JobEvent, numberIn } from "./events.js";
import { runInstalled } from "./program.js";

/** `partial`: being written, or cut off. `damaged`: a check found that it is not what was written. `verified`: a drill restored it and found it equal. */
export type RunState = "partial" | "whole" | "verified" | "damaged";

export interface Run {
  /** Its start in UTC: `20261129T110200Z`. */
  readonly name: string;
  readonly state: RunState;
  readonly bytes: number;
  /** Seconds since 1970. */
  readonly ended?: number;
  readonly verifiedAt?: number;
}

/** A folder that runs lie in. */
export interface Place {
  /** The server whose programs looked there. */
  readonly server: string;
  /** As `--place` takes it. */
  readonly place: string;
  /** The host, or whom ssh goes to. */
  readonly at: string;
  readonly folder: string;
  /** Oldest first. */
  readonly runs: readonly Run[];
  /** Why its runs are not known. */
  readonly unreachable?: string;
}

export interface RunsReport {
  readonly places: readonly Place[];
  /** Servers whose programs could not be asked. */
  readonly unknown: readonly { readonly server: string; readonly message: string }[];
}

/** Servers of a stack that make backups, or try them. */
export function serversWithJobs(site: Site): readonly Server[] {
  const jobs = backupJobs(site);
  return site.servers.filter(({ name }) => name in jobs);
}

/** Where a server's programs lie. */
export function programsFolder(server: Pick<Server, "controlDirectory">): string {
  return controlPath(server, "backups");
}

/**
 * The runs in all places of a stack, as its servers see them, all at once. A place that several see is told once.
 * @param patience milliseconds after which a server is not waited for any longer. @default it is
 */
export async function runsOf(site: Site, signal: AbortSignal, patience?: number): Promise<RunsReport> {
  const seen = await Promise.all(
    serversWithJobs(site).map(async (server) => {
      const places = new Collected(site, server);
      const late = patience === undefined ? undefined : AbortSignal.timeout(patience);
      const either = late === undefined ? signal : AbortSignal.any([signal, late]);
      try {
        const ended = await runInstalled(
          { host: hostOf(server.host), folder: programsFolder(server), program: "runs", signal: either },
          (event) => places.take(event),
        );
        // 1 says that a place does not answer, and was told.
        if (ended.code > 1) return { places: [], unknown: [{ server: server.name, message: ended.stderr }] };
        return { places: places.all, unknown: [] };
      } catch (error) {
        signal.throwIfAborted();
        if (late?.aborted === true) {
          const message = `no answer within ${(patience as number) / 1000} s`;
          return { places: [], unknown: [{ server: server.name, message }] };
        }
        if (!isOfHost(error)) throw error;
        return { places: [], unknown: [{ server: server.name, message: (error as Error).message }] };
      }
    }),
  );
  return {
    places: toldOnce(seen.flatMap(({ places }) => places)),
    unknown: seen.flatMap(({ unknown }) => unknown),
  };
}

/** The newest run of all places that a restore can be made from, or that a drill has found equal. */
export function newestRun({ places }: RunsReport, state: "whole" | "verified"): Run | undefined {
  const good = places
    .flatMap(({ runs }) => runs)
    .filter((run) => run.state === "verified" || (state === "whole" && run.state === "whole"));
  return good.reduce<Run | undefined>(
    (best, run) => (best === undefined || run.name > best.name ? run : best),
    undefined,
  );
}

/** A copy's place is its own server's folder where that server makes backups too: whoever answers for it first tells. */
function toldOnce(places: readonly Place[]): readonly Place[] {
  const keys = places.map(({ at, folder }) => `${at}:${folder}`);
  return places.filter((place, index) => {
    const same = keys.flatMap((key, other) => (key === keys[index] ? [places[other] as Place] : []));
    return place === (same.find(({ unreachable }) => unreachable === undefined) ?? same[0]);
  });
}

/** What `runs` says of its places, as it says it. */
class Collected {
  readonly #places: { readonly place: Omit<Place, "runs">; readonly runs: Run[] }[] = [];

  constructor(
    readonly site: Site,
    readonly server: Server,
  ) {}

  take({ word, fields }: JobEvent): void {
    const [name = "", ...rest] = fields;
    const last = this.#places.at(-1);
    if (word === "place") {
      const [target = "-", folder = ""] = rest;
      this.#places.push({ place: { server: this.server.name, place: name, at: this.#host(target), folder }, runs: [] });
    } else if (word === "unreachable" && last !== undefined) {
      this.#places[this.#places.length - 1] = {
        ...last,
        place: { ...last.place, unreachable: (rest[0] ?? "").trim() },
      };
    } else if (word === "run" && last !== undefined) {
      const [run = "", state = "", bytes, ended, verifiedAt] = rest;
      last.runs.push({
        name: run,
        state: state as RunState,
        bytes: numberIn(bytes) ?? 0,
        ...defined({ ended: numberIn(ended), verifiedAt: numberIn(verifiedAt) }),
      });
    }
  }

  get all(): readonly Place[] {
    return this.#places.map(({ place, runs }) => ({ ...place, runs }));
  }

  /** A host of the stack by its name, another as ssh calls it. */
  #host(target: string): string {
    if (target === "-") return this.server.host.name;
    const known = this.site.servers.find(({ host }) => `${host.user}@${host.address}` === target);
    return known?.host.name ?? target;
  }
}
