import prettyBytes from "pretty-bytes";
import { findSetting } from "../../postgres/settings/catalogue.js";
import { parseInteger } from "../../postgres/settings/quantities.js";
import { atLeast } from "../../postgres/versions.js";
import type { Complaint, Seen } from "../finding.js";
import { type Numbers, sharedMemory, systemVSemaphores } from "../sharedMemory.js";

/** What the kernel and the machine must give for the declared settings. What runs already has it. */
export function checkLimits(seen: Seen): Complaint[] {
  const settings = numbersOf(seen);
  const running = seen.facts.postmaster !== undefined;
  return [
    ...(running ? [] : [...checkMemory(seen, settings), ...checkHugePages(seen, settings)]),
    ...(running ? [] : [...checkSystemV(seen, settings), ...checkSemaphores(seen, settings)]),
    ...checkOpenFiles(seen, settings),
  ];
}

/** The numeric settings in their base units, as declared or by default. */
function numbersOf({ request: { version }, server }: Seen): Numbers {
  return (name) => {
    const setting = findSetting(version, name);
    if (setting === undefined) return 0;
    const parsed = parseInteger(version, setting.unit, server.settings[name] ?? setting.default ?? "0");
    return parsed.ok ? parsed.value : 0;
  };
}

function at({ server }: Seen, setting: string): Pick<Complaint, "path"> {
  return { path: `servers.${server.name}.settings.${setting}` };
}

function checkMemory(seen: Seen, settings: Numbers): Complaint[] {
  const { total, available } = seen.host.memory;
  const needed = settings("shared_buffers") * 8192;
  if (total === 0 || needed <= available) return [];
  const fits = needed <= total;
  return [
    {
      check: "memory",
      severity: fits ? "warning" : "error",
      ...at(seen, "shared_buffers"),
      cause: `shared_buffers takes ${prettyBytes(needed)}, and of ${prettyBytes(total)} of memory ${prettyBytes(available)} are available`,
      remedy: fits ? "end what else runs there, or declare less" : "declare less: a quarter of the memory is usual",
    },
  ];
}

function checkHugePages(seen: Seen, settings: Numbers): Complaint[] {
  const { freeHugePages, hugePageSize } = seen.host.memory;
  if (seen.server.settings.huge_pages !== "on") return [];
  const needed = hugePageSize === 0 ? 1 : Math.ceil(sharedMemory(settings) / hugePageSize);
  if (freeHugePages >= needed) return [];
  return [
    {
      check: "memory",
      severity: "error",
      ...at(seen, "huge_pages"),
      cause: `huge_pages is on and takes about ${needed} pages, of which ${freeHugePages} are free`,
      remedy: `sysctl -w vm.nr_hugepages=${Math.ceil(needed * 1.1)} (and in /etc/sysctl.d), or declare huge_pages: try`,
    },
  ];
}

/** Until 9.2 all shared memory is one System V segment. */
function checkSystemV(seen: Seen, settings: Numbers): Complaint[] {
  if (atLeast(seen.request.version, "9.3")) return [];
  const { shmmax, shmall } = seen.host.kernel;
  const needed = sharedMemory(settings);
  const pages = Math.ceil(needed / seen.host.memory.pageSize);
  const low = [
    ...(shmmax < needed ? [["kernel.shmmax", shmmax, needed] as const] : []),
    ...(shmall < pages ? [["kernel.shmall", shmall, pages] as const] : []),
  ];
  return low.map(([name, is, wanted]) => ({
    check: "limits",
    severity: "error",
    ...at(seen, "shared_buffers"),
    cause: `${name} is ${is}, and the server's shared memory takes about ${wanted}`,
    remedy: `sysctl -w ${name}=${Math.ceil(wanted * 1.1)} (and in /etc/sysctl.d), or declare a smaller shared_buffers`,
  }));
}

/** Until 9.6 Linux builds take System V semaphores; from 10 on POSIX ones, which have no such limit. */
function checkSemaphores(seen: Seen, settings: Numbers): Complaint[] {
  if (atLeast(seen.request.version, "10")) return [];
  const { kernel } = seen.host;
  const { sets, perSet, all } = systemVSemaphores(seen.request.version, settings);
  const low = [
    ...(kernel.semaphoresPerSet < perSet ? [`SEMMSL is ${kernel.semaphoresPerSet} (${perSet} needed)`] : []),
    ...(kernel.semaphores - kernel.usedSemaphores < all
      ? [`of SEMMNS ${kernel.semaphores}, ${kernel.usedSemaphores} are taken (${all} needed)`]
      : []),
    ...(kernel.semaphoreSets - kernel.usedSemaphoreSets < sets
      ? [`of SEMMNI ${kernel.semaphoreSets}, ${kernel.usedSemaphoreSets} are taken (${sets} needed)`]
      : []),
  ];
  if (low.length === 0) return [];
  return [
    {
      check: "limits",
      severity: "error",
      ...at(seen, "max_connections"),
      cause: `the kernel's semaphores do not suffice: ${low.join(", ")}`,
      remedy: "raise kernel.sem with sysctl (and in /etc/sysctl.d), or declare a smaller max_connections",
    },
  ];
}

/** A server that gets fewer descriptors starts all the same and opens and closes more often; below this it does not start. */
const leastOpenFiles = 100;

function checkOpenFiles(seen: Seen, settings: Numbers): Complaint[] {
  const { openFiles } = seen.host;
  const wanted = settings("max_files_per_process");
  if (openFiles >= wanted) return [];
  return [
    {
      check: "limits",
      severity: openFiles < leastOpenFiles ? "error" : "warning",
      ...at(seen, "max_files_per_process"),
      cause: `${seen.host.osUser} may open ${openFiles} files (ulimit -n), and max_files_per_process is ${wanted}`,
      remedy: `raise nofile of ${seen.host.osUser} in /etc/security/limits.conf (LimitNOFILE of a service), or declare less`,
    },
  ];
}
