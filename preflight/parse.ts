import { zoneOfHost } from "../config/zone.js";
import { parseCluster } from "./clusters.js";
import type {
  Clock,
  DataFound,
  FoundClient,
  HostFacts,
  Kernel,
  Listener,
  Parent,
  ServerFacts,
  SocketFolder,
  WantedFolder,
} from "./facts.js";
import { parseAddress } from "./listeners.js";
import { parsePrograms } from "./programFolders.js";
import { parseStep, type Step } from "./way.js";

/** When, by our clock in seconds, the script was sent and its answer was there. */
export interface Trip {
  readonly sent: number;
  readonly received: number;
}

/** What the script printed: the values of each key, in order. */
export class Lines {
  readonly #values = new Map<string, string[]>();

  constructor(text: string) {
    for (const line of text.split("\n")) {
      const at = line.indexOf("=");
      if (at > 0) this.all(line.slice(0, at)).push(line.slice(at + 1).trim());
    }
  }

  /** Every value of a key; what is not there yet becomes known as empty. */
  all(key: string): string[] {
    const known = this.#values.get(key) ?? [];
    this.#values.set(key, known);
    return known;
  }

  /** The value of a key, or undefined where there is none or it is empty. */
  text(key: string): string | undefined {
    const [value] = this.all(key);
    return value === "" ? undefined : value;
  }

  number(key: string, otherwise: number): number {
    const value = this.text(key);
    return value === undefined || Number.isNaN(Number(value)) ? otherwise : Number(value);
  }

  flag(key: string): boolean {
    return this.text(key) === "yes";
  }

  words(key: string): readonly string[] {
    return (this.text(key) ?? "").split(/\s+/).filter((word) => word !== "");
  }
}

/** A host's facts from what the script printed there about these servers. */
export function parseFacts(
  lines: Lines,
  trip: Trip,
  servers: readonly string[],
): Omit<HostFacts, "host" | "machine" | "osUser" | "root"> {
  const kilobytes = (key: string) => lines.number(key, 0) * 1024;
  const byteOrder = lines.text("platform.order") === "256" ? "big" : "little";
  return {
    user: lines.text("user") ?? "",
    userExists: lines.flag("user.exists"),
    system: {
      id: lines.text("system.id") ?? "",
      like: lines.words("system.like"),
      name: lines.text("system.name") ?? "an unknown system",
    },
    platform: {
      machine: lines.text("platform.machine") ?? "",
      wordBits: lines.number("platform.word", 64),
      byteOrder,
      libc: lines.text("platform.libc") ?? "",
    },
    memory: {
      total: kilobytes("memory.MemTotal"),
      // Kernels before 3.14 do not say what is available.
      available: kilobytes("memory.MemAvailable") || kilobytes("memory.MemTotal"),
      freeHugePages: lines.number("memory.HugePages_Free", 0),
      hugePageSize: kilobytes("memory.Hugepagesize"),
      pageSize: lines.number("memory.page", 4096),
    },
    kernel: kernelOf(lines),
    openFiles: lines.number("files", Number.POSITIVE_INFINITY),
    locales: lines.text("locales") === undefined ? undefined : lines.words("locales"),
    missingTools: [...new Set(lines.all("tool.missing"))],
    manager: (lines.text("manager") ?? "none") as HostFacts["manager"],
    crontab: (lines.text("crontab") ?? "missing") as HostFacts["crontab"],
    cron: {
      folder: lines.flag("cron.folder"),
      runs: (lines.text("cron.runs") ?? "no") as HostFacts["cron"]["runs"],
    },
    zone: zoneOfHost(lines.text("zone.localtime"), lines.text("zone.timezone")),
    sendmail: lines.text("sendmail"),
    aliases: lines.flag("aliases"),
    programs: parsePrograms(lines.all("programs")),
    candidate: lines.text("candidate") === "(none)" ? undefined : lines.text("candidate"),
    clock: clockOf(lines, trip),
    clusters: lines.all("cluster").flatMap((line) => parseCluster(line) ?? []),
    servers: Object.fromEntries(servers.map((name) => [name, serverOf(lines, `server.${name}`, byteOrder)])),
  };
}

function kernelOf(lines: Lines): Kernel {
  const [perSet, all, , sets] = lines.words("kernel.sem").map(Number);
  const [usedSets, used] = lines.words("kernel.used").map(Number);
  const unlimited = Number.POSITIVE_INFINITY;
  return {
    shmmax: lines.number("kernel.shmmax", unlimited),
    shmall: lines.number("kernel.shmall", unlimited),
    semaphoresPerSet: perSet ?? unlimited,
    semaphores: all ?? unlimited,
    semaphoreSets: sets ?? unlimited,
    usedSemaphores: used ?? 0,
    usedSemaphoreSets: usedSets ?? 0,
  };
}

/**
 * As NTP reckons it: the host's two times lie between our two, and nothing is known of how the trip was divided between
 * there and back. A `date` without nanoseconds is off by up to a second more.
 */
function clockOf(lines: Lines, { sent, received }: Trip): Clock {
  const texts = [lines.text("clock.began") ?? "", lines.text("clock.ended") ?? ""] as const;
  const [began, ended] = texts.map((text) => Number.parseFloat(text)) as [number, number];
  if (Number.isNaN(began) || Number.isNaN(ended)) return { ahead: 0, uncertainty: Number.POSITIVE_INFINITY };
  const coarse = texts.some((text) => !/\.\d{3,}$/.test(text)) ? 1 : 0;
  return {
    ahead: (began - sent + (ended - received)) / 2,
    uncertainty: Math.max(0, (received - sent - (ended - began)) / 2) + coarse,
  };
}

function serverOf(lines: Lines, at: string, byteOrder: "little" | "big"): ServerFacts {
  const [mode, owner] = lines.words(`${at}.status`);
  const [disk = "", blockSize, blocks, ...type] = lines.words(`${at}.disk`);
  const version = lines.text(`${at}.version`);
  const postgres = lines.text(`${at}.postgres`);
  const size = lines.text(`${at}.size`);
  const postmaster = lines.text(`${at}.postmaster`);
  return {
    data: (lines.text(`${at}.data`) ?? "absent") as DataFound,
    ...(mode === undefined || owner === undefined ? {} : { mode: Number.parseInt(mode, 8), owner }),
    incomplete: lines.flag(`${at}.incomplete`),
    identity: lines.flag(`${at}.identity`),
    ...(version === undefined ? {} : { dataVersion: version }),
    parent: parentOf(lines, `${at}.parent`),
    configuration: wantedOf(lines, `${at}.configuration`),
    jobFolders: wantedOf(lines, `${at}.jobs`),
    clients: lines.all(`${at}.client`).map(clientOf),
    startFiles: lines.all(`${at}.start`),
    startsAtBoot: lines.flag(`${at}.service`),
    control: (lines.text(`${at}.control`) ?? "absent") as ServerFacts["control"],
    sockets: lines.all(`${at}.socket`).map((line, index) => {
      const [found, owner = "", ...path] = line.split(" ");
      const above = lines.all(`${at}.socket.above`)[index] ?? "";
      const holder = holderOf(lines.all(`${at}.socket.holder`)[index] ?? "");
      return {
        path: path.join(" "),
        found: found as SocketFolder["found"],
        at: above,
        owner,
        ...(holder === undefined ? {} : { holder }),
      };
    }),
    disk: { id: disk, type: type.join(" "), free: Number(blockSize) * Number(blocks) },
    ...(size === undefined ? {} : { size: Number(size) * 1024 }),
    ...(postgres === undefined ? {} : { postgres }),
    way: wayOf(lines.all(`${at}.way`)),
    missingPrograms: lines.all(`${at}.missing`),
    ...(postmaster === undefined ? {} : { postmaster: Number(postmaster) }),
    listeners: lines
      .all(`${at}.listener`)
      .map((line) => withData(listenerOf(line, byteOrder), lines, `${at}.listener`)),
  };
}

function wantedOf(lines: Lines, key: string): readonly WantedFolder[] {
  return lines.all(key).map((line, index) => {
    const [found, owner = "", ...path] = line.split(" ");
    const parent = parentOf(lines, `${key}.${index}`);
    return { path: path.join(" "), found: found as WantedFolder["found"], owner, parent };
  });
}

/** `pg_dump own`, `pg_dump 15.3`, `pg_dump` */
function clientOf(line: string): FoundClient {
  const [program = "", version = ""] = line.split(" ");
  return { program, own: version === "own", ...(/^\d/.test(version) ? { version } : {}) };
}

function parentOf(lines: Lines, key: string): Parent {
  const [writable, owner = "", ...path] = (lines.text(key) ?? "").split(" ");
  return { path: path.join(" "), owner, writable: writable === "yes", way: wayOf(lines.all(`${key}.way`)) };
}

/** `812 postgres /var/lib/postgresql/15/main` */
function holderOf(line: string): SocketFolder["holder"] {
  if (line === "") return undefined;
  const [process, user = "", ...dataDirectory] = line.split(" ");
  return { process: Number(process), user, dataDirectory: dataDirectory.join(" ") };
}

/** Each step once: programs lie in one folder. */
function wayOf(lines: readonly string[]): readonly Step[] {
  const steps = lines.flatMap((line) => parseStep(line) ?? []);
  return [...new Map(steps.map((step) => [step.path, step])).values()];
}

/** A server's data directory: `812 /var/db/msyspg`, and whose that is. */
function withData(listener: Listener, lines: Lines, at: string): Listener {
  const found = lines.all(`${at}.data`).find((line) => listener.processes.includes(Number(line.split(" ")[0])));
  if (found === undefined) return listener;
  const [process = "", ...folder] = found.split(" ");
  const owner = ownerIn(lines.text(`${at}.identity.${process}`));
  return { ...listener, dataDirectory: folder.join(" "), ...(owner === undefined ? {} : { owner }) };
}

/** As `identity.json` says; it lies where its user may write, and is shown only. */
function ownerIn(text: string | undefined): Listener["owner"] {
  try {
    const { site, server, stack } = JSON.parse(text ?? "") as Record<string, unknown>;
    if (typeof site !== "string" || typeof server !== "string") return undefined;
    return { site, server, ...(typeof stack === "string" ? { stack } : {}) };
  } catch {
    return undefined;
  }
}

/** `0100007F www-data/33 812,813/nginx` */
function listenerOf(line: string, byteOrder: "little" | "big"): Listener {
  const [address = "", owner = "", ...rest] = line.split(" ");
  const [user, uid] = owner.split("/");
  const holder = rest.join(" ");
  const slash = holder.indexOf("/");
  return {
    address: parseAddress(address, byteOrder),
    user: user || `${uid}`,
    processes: holder
      .slice(0, slash)
      .split(",")
      .filter((pid) => pid !== "")
      .map(Number),
    program: holder.slice(slash + 1),
  };
}
