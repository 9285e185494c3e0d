import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Host, HostError } from "../../hosts/host.js";
import type { Voice } from "../../postgres/voice.js";
import { type LogOwner, logFiles } from "./log.js";

/** Files of log_directory that are looked at: clients that are refused all day fill many. */
const files = 20;

/** Reads the files, the older first; a line that was cut off ends with its file. */
const judging = `export MESSAGES="$1" WANT="$2" HEAD_stderr="$3" HEAD_csv="$4" HEAD_json="$5"
program=$6; shift 6
for file; do [ ! -f "$file" ] || { cat -- "$file"; echo; }; done | LC_ALL=C awk "$program"`;

/**
 * What a server's log says of its stream by what the server itself wrote: as `installed/runbook/stream.awk` prints it, by the program that the
 * runbook runs too, so that both judge alike.
 */
export async function judgeLog(host: Host, server: LogOwner, want: "stream" | "apart", voice: Voice): Promise<string> {
  const { checkout } = await import("../../toolchain/paths.mjs");
  const [program, messages] = ["stream.awk", "messages"].map((name) =>
    readFileSync(join(checkout, "installed", "runbook", name), "utf8"),
  ) as [string, string];
  const { stderr = "", csv = "", json = "" } = voice;
  const [start = "", ...collected] = await logFiles(host, server, files);
  const logs = [start, ...collected.reverse()];
  const argv = ["sh", "-c", judging, "sh", messages, want, stderr, csv, json, program, ...logs];
  const { code, stdout, stderr: said } = await host.run(argv);
  if (code !== 0) throw new HostError(`the log of a server on ${host.name} cannot be judged: ${said.trim()}`);
  return stdout;
}
