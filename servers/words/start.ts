import prettyBytes from "pretty-bytes";
import { shownInLine } from "../../postgres/shown.js";
import type { StartObstacle, Unbound } from "../../postgres/start/model.js";

/** Why a server would not start with what it is to get, with the remedy. */
export function cannotStartInWords(server: string, because: readonly StartObstacle[]): string {
  return `${server} would not start with what it is to get: ${because.map(obstacleInWords).join("; ")}. Nothing was changed, and it runs on`;
}

/** A start that failed all the same, and what came of it. @param said why, as it was told */
export function putBackInWords(server: string, said: string): string {
  return `${server} does not start with its new files: ${said}; the files that it had are back in place, and it runs with them as before. Mend in the stack file what it refuses, and run pulumi up again`;
}

/** The same where that did not help. @param again why it does not start as before */
export function notBackInWords(server: string, said: string, again: string): string {
  return `${server} does not start with its new files: ${said}; the files that it had are back in place, and with these it does not start either: ${again}`;
}

/** What was not found out beforehand. */
export function notTriedInWords(server: string): string {
  return `whether ${server} can start with what it is to get could not be tried on its host; where it does not, the files that it has are put back`;
}

function obstacleInWords(obstacle: StartObstacle): string {
  switch (obstacle.code) {
    case "refused":
      return obstacle.said.length === 0
        ? `its program ends with exit code ${obstacle.exitCode} and says nothing (run it there by hand)`
        : `its program says ${said(obstacle.said)} (mend that in the stack file)`;
    case "ignored":
      return `its program takes no notice of what it warns of: ${said(obstacle.said)} (mend that in the stack file, or take the setting away)`;
    case "noProgram":
      return `${obstacle.path} is no program (install it, or say where its programs are: binaries)`;
    case "memory": {
      const { needs, has, limit } = obstacle;
      const of = {
        machine: "memory and swap together have",
        commit: "vm.overcommit_memory 2 leaves",
        segment: "kernel.shmmax allows",
      };
      return `it asks for ${prettyBytes(needs)} of shared memory, and ${of[limit]} ${prettyBytes(Math.max(0, has))} (lower shared_buffers, or what else is large)`;
    }
    case "hugePages": {
      const { needs, has, size } = obstacle;
      if (size === 0) return "huge_pages is on, and the host's kernel has none (say huge_pages try)";
      return `huge_pages is on, and it needs ${needs} of ${prettyBytes(size, { binary: true })}; the host has ${has} for it (raise vm.nr_hugepages there, or say huge_pages try)`;
    }
    case "listen":
      return `at port ${obstacle.port} it cannot listen on ${obstacle.addresses.map(unboundInWords).join(", ")}`;
    case "socketFolder":
      return obstacle.why === "missing"
        ? `${obstacle.folder}, where it is to put its socket, is no folder, and nobody of ours can make it (make it, or declare another in unix_socket_directories)`
        : `${obstacle.folder}, where it is to put its socket, is not one that its OS user may write to (give it that, or declare another in unix_socket_directories)`;
    case "socketTaken":
      return `process ${obstacle.pid} has the socket ${obstacle.path} (declare another port, or another folder in unix_socket_directories)`;
    case "logFolder":
      return `${obstacle.folder}, where its log is to be, is missing or not one that its OS user may write to (make it, or declare another log_directory)`;
    case "recoveryTarget": {
      const { setting, value, why } = obstacle;
      return why === "promotes"
        ? `at ${setting} '${shownInLine(value)}' it would be promoted, and be a second primary (take it away, or say recovery_target_action pause)`
        : `it has passed ${setting} '${shownInLine(value)}', and would end there instead of following (take it away)`;
    }
  }
}

function said(lines: readonly string[]): string {
  return lines.map((line) => `"${shownInLine(line)}"`).join(", ");
}

const unbound = {
  taken: "another process listens there: end that, or declare another port",
  "not here": "no address of its host",
  "no such name": "its host knows no such name",
  privileged: "a port of root's: declare one from 1024 on",
} as const;

function unboundInWords({ address, why }: Unbound): string {
  return `${shownInLine(address)} (${unbound[why]})`;
}

/** @param titles of processes */
export function remainsEndedInWords(server: string, titles: readonly string[]): string {
  return `${server} was killed, and what was left of it kept it from starting; ended: ${titles.map(shownInLine).join("; ")}`;
}
