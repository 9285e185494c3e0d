import type { HugePages, MemoryFacts, NetworkFacts, StartFacts } from "../../postgres/start/model.js";

/** Why nothing was tried: the server runs as another program, there is none, or no folder can be made. */
export type Untried = "program" | "missing" | "folder";

/** Reads what `dryStartScript` prints. Undefined where it came to no end. */
export function readFacts(printed: string): StartFacts | { readonly untried: Untried } | undefined {
  const [, head = "", log] = /^([\s\S]*?)^log\n([\s\S]*)$/m.exec(printed) ?? [];
  const lines = (log === undefined ? printed : head).split("\n").flatMap((line): [string, string][] => {
    const at = line.indexOf("=");
    return at < 0 ? [] : [[line.slice(0, at), line.slice(at + 1)]];
  });
  const all = (key: string) => lines.flatMap(([name, value]) => (name === key ? [value] : []));
  const [untried] = all("untried");
  if (untried !== undefined) return { untried: untried as Untried };
  if (log === undefined) return undefined;
  const folders = all("folder").map((line) => {
    const [, state = "", path = ""] = /^(good|missing|not writable) (.*)$/.exec(line) ?? [];
    return [path, state as "good" | "missing" | "not writable"] as const;
  });
  const sockets = all("socket").map((line) => [line.replace(/^\d+ /, ""), Number.parseInt(line, 10)] as const);
  const [now, exitCode] = [numberIn(all("now")[0]), numberIn(all("code")[0])];
  return {
    passed: all("passed").includes("yes"),
    // 124 and 137 are timeout's: it said neither yes nor no.
    ...(exitCode === 124 || exitCode === 137 ? { late: true as const } : {}),
    log,
    scratch: all("scratch")[0] ?? "",
    memory: memoryIn(all),
    network: networkIn(all),
    folders: Object.fromEntries(folders),
    socketsTaken: Object.fromEntries(sockets),
    ...(now === undefined ? {} : { now }),
    ...(exitCode === undefined ? {} : { exitCode }),
  };
}

type All = (key: string) => readonly string[];

function numberIn(text: string | undefined): number | undefined {
  return text === undefined || !/^\d+$/.test(text) ? undefined : Number(text);
}

function memoryIn(all: All): MemoryFacts {
  const kilobytes = (key: string) => {
    const found = numberIn(all(key)[0]);
    return found === undefined ? undefined : found * 1024;
  };
  const maps = all("map").map((line) => {
    const [, from = "0", to = "0"] = /^([0-9a-f]+)-([0-9a-f]+) /.exec(line) ?? [];
    return { bytes: Number(BigInt(`0x${to}`) - BigInt(`0x${from}`)), huge: line.includes("/anon_hugepage") };
  });
  const sum = (some: typeof maps) => some.reduce((total, { bytes }) => total + bytes, 0);
  const pools = all("pool").map((line): HugePages => {
    const [size = 0, free = 0, reserved = 0, most = 0, surplus = 0] = line.split(" ").map((one) => Number(one) || 0);
    return { size: size * 1024, free, reserved, surplus: Math.max(0, most - surplus) };
  });
  const found = {
    ...{ total: kilobytes("MemTotal"), swap: kilobytes("SwapTotal"), commitLimit: kilobytes("CommitLimit") },
    ...{ committed: kilobytes("Committed_AS"), hugePageSize: kilobytes("Hugepagesize") },
    ...{ overcommit: numberIn(all("overcommit")[0]), shmmax: numberIn(all("shmmax")[0]) },
  };
  const known = Object.entries(found).filter(([, value]) => value !== undefined);
  return {
    ...(Object.fromEntries(known) as Partial<Record<keyof typeof found, number>>),
    hugePages: pools,
    held: sum(maps),
    heldHuge: sum(maps.filter(({ huge }) => huge)),
  };
}

function networkIn(all: All): NetworkFacts {
  const mine = new Set(all("mine"));
  const taken = all("listens").flatMap((line) => {
    const [at = "", inode = ""] = line.split(" ");
    const [address = "", port = ""] = at.split(":");
    return mine.has(inode) ? [] : [{ address: addressOf(address), port: Number.parseInt(port, 16) }];
  });
  const own = [...all("local"), ...all("local6").map((hex) => `${grouped(hex)}/128`)];
  const unprivileged = numberIn(all("unprivileged")[0]);
  const names = all("name").map((name) => {
    const addresses = all("is").flatMap((line) => (line.startsWith(`${name} `) ? [line.slice(name.length + 1)] : []));
    return [name, addresses] as const;
  });
  return {
    taken,
    ...(own.length === 0 ? {} : { own }),
    names: Object.fromEntries(names),
    ...(unprivileged === undefined ? {} : { unprivileged }),
    anywhere: all("nonlocal")[0] === "1",
  };
}

/** As /proc/net/tcp has an address: words of four bytes, each the wrong way round on the machines that there are. */
function addressOf(hex: string): string {
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => (word.match(/../g) ?? []).toReversed());
  if (bytes.length === 4) return bytes.map((byte) => Number.parseInt(byte, 16)).join(".");
  return grouped(bytes.join(""));
}

function grouped(hex: string): string {
  return (hex.toLowerCase().match(/.{4}/g) ?? []).join(":");
}
