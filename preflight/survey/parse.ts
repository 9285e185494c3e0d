import type { Lines } from "../parse.js";
import { parsePrograms } from "../programFolders.js";
import type { FoundCluster, FoundFolder, Survey } from "./facts.js";

/** What the survey's script printed, as facts. */
export function parseSurvey(lines: Lines): Omit<Survey, "host" | "notAsUser" | "notAsRoot"> {
  return {
    user: lines.text("user") ?? "",
    userExists: lines.flag("user.exists"),
    system: {
      id: lines.text("system.id") ?? "",
      like: lines.words("system.like"),
      name: lines.text("system.name") ?? "an unknown system",
    },
    programs: parsePrograms(lines.all("programs")),
    clusterTools: lines.flag("cluster.tools"),
    clusters: clustersOf(lines),
    addresses: lines.all("address").map((line) => {
      const [address = "", prefix] = line.split("/");
      return { address, ...(prefix === undefined ? {} : { prefix: Number(prefix) }) };
    }),
    listens: [...new Set(lines.all("listens").map((port) => Number.parseInt(port, 16)))].sort((a, b) => a - b),
    folders: lines.all("folder").map(folderOf),
  };
}

function clustersOf(lines: Lines): readonly FoundCluster[] {
  const ports = new Map(
    lines.all("cluster.port").map((line) => {
      const [port = "", ...path] = line.split(" ");
      return [path.join(" "), Number(port)];
    }),
  );
  const [running, ours] = [new Set(lines.all("cluster.runs")), new Set(lines.all("ours"))];
  return [...new Set(lines.all("cluster"))].sort().map((dataDirectory) => {
    const port = ports.get(dataDirectory);
    return {
      dataDirectory,
      ...(port === undefined ? {} : { port }),
      runs: running.has(dataDirectory),
      ours: ours.has(dataDirectory),
    };
  });
}

/** `yes 1234 /data ext2/ext3 /data/postgresql` */
function folderOf(line: string): FoundFolder {
  const [open, free, mount = "", type = "", ...path] = line.split(" ");
  return { path: path.join(" "), open: open === "yes", free: Number(free) * 1024, mount, type };
}
