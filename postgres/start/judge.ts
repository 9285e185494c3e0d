import { splitPaths } from "../settings/lists.js";
import type { Major } from "../versions.js";
import { cannotListen, type Listening } from "./listening.js";
import { shortOfMemory } from "./memory.js";
import type { StartFacts, StartObstacle } from "./model.js";
import { ignoredIn, refusalIn, sharedMemoryIn } from "./said.js";

/** A server as it is to start. */
export interface Starting {
  readonly version: Major;
  readonly settings: Readonly<Record<string, string>>;
  readonly listening: Listening;
  /** The folder of its log, where it collects one. */
  readonly logFolder?: string;
  /** What the words of the dry start shall say in place of its scratch folders. */
  readonly folders: { readonly data: string; readonly configuration: string };
}

/** What keeps a server from starting with what it is to get, by what a dry start brought to light. Only what is certain. */
export function judgeStart(starting: Starting, facts: StartFacts): readonly StartObstacle[] {
  const { version, settings, listening, logFolder } = starting;
  const asked = sharedMemoryIn(facts.log);
  const memory = asked === undefined ? undefined : shortOfMemory(version, settings, asked, facts.memory);
  const isRefused = !facts.passed && facts.late !== true && facts.exitCode !== undefined;
  const refused = isRefused ? shown(refusalIn(facts.log), starting, facts.scratch) : [];
  // Its memory did not fit beside that of the server that runs; the numbers tell whether it fits in its place.
  const isMemory = asked !== undefined && refused.some((line) => /shared memory/.test(line));
  const ignored = shown(ignoredIn(facts.log, settings), starting, facts.scratch);
  const sockets = splitPaths(settings.unix_socket_directories ?? settings.unix_socket_directory ?? "") ?? [];
  const listen = cannotListen(listening, facts.network);
  return [
    ...(isRefused && !isMemory ? [refusal(refused, facts.exitCode)] : []),
    ...(ignored.length === 0 ? [] : [{ code: "ignored", said: ignored } as const]),
    ...(memory === undefined ? [] : [memory]),
    ...(listen === undefined ? [] : [listen]),
    ...sockets.flatMap((folder): StartObstacle[] => {
      const why = facts.folders[folder] ?? "good";
      const path = `${folder}/.s.PGSQL.${listening.port}`;
      const pid = facts.socketsTaken[path];
      if (pid !== undefined) return [{ code: "socketTaken", path, pid }];
      return why === "good" ? [] : [{ code: "socketFolder", folder, why }];
    }),
    ...(logFolder === undefined || (facts.folders[logFolder] ?? "good") === "good"
      ? []
      : [{ code: "logFolder", folder: logFolder } as const]),
  ];
}

function refusal(said: readonly string[], exitCode: number | undefined): StartObstacle {
  return { code: "refused", said, ...(said.length > 0 || exitCode === undefined ? {} : { exitCode }) };
}

/** With the real paths in place of the scratch ones. */
function shown(lines: readonly string[], { folders }: Starting, scratch: string): readonly string[] {
  if (scratch === "") return lines;
  return lines.map((line) =>
    line.replaceAll(`${scratch}/conf`, folders.configuration).replaceAll(`${scratch}/data`, folders.data),
  );
}
