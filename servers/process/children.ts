import { type Host, HostError } from "../../hosts/host.js";
import { below, whyUnread } from "./below.js";

/** A process of a server's, the postmaster among them. */
export interface ServerProcess {
  readonly pid: number;
  /** As /proc has it: `D` is a system call that nothing ends, `T` and `t` are stopped. */
  readonly state: string;
  /**
   * Of one that does not run just then (`D`, `T`, `t`), how often it gave up its processor, or was made to: it has done something
   * where that is another number.
   */
  readonly switches: number;
  readonly title: string;
  /** Of an archiver: seconds for which archive_command has run. */
  readonly commandFor?: number;
}

const script = `${below}
set -f
archivers=
read -r up rest </proc/uptime
ticks=$(getconf CLK_TCK 2>/dev/null) || ticks=100
for pid in "$1" $(below "$1"); do
  readStat "$pid" || continue
  state=\${line%% *} switches=0
  case $state in
    [DTt])
      while read -r key value rest; do
        case $key in *ctxt_switches:) switches=$((switches + value)) ;; esac
      done <"/proc/$pid/status"
      ;;
  esac
  readTitle "$pid" || continue
  # The postmaster's are several words.
  [ "$pid" != "$1" ] || title=$(tr '\\000\\n' '  ' <"/proc/$pid/cmdline")
  case $title in *archiver*) archivers="$archivers $pid" ;; esac
  printf 'process %s %s %s %s\\n' "$pid" "$state" "$switches" "$title"
done 2>/dev/null
for archiver in $archivers; do
  for pid in $(below "$archiver"); do
    readStat "$pid" || continue
    set -- $line
    printf 'command %s %s\\n' "$archiver" "$((\${up%.*} - \${20} / ticks))"
  done
done 2>/dev/null
exit 0`;

const processLine = /^process (\d+) (\S) (\d+) (.*)$/;
const commandLine = /^command (\d+) (-?\d+)$/;

/** The processes of a server; undefined where there is no /proc. @throws HostError where nobody can read them */
export async function processesOf(
  host: Host,
  dataDirectory: string,
  postmaster: number,
): Promise<readonly ServerProcess[] | undefined> {
  const { code, stdout, stderr } = await host.run(["sh", "-c", script, "sh", `${postmaster}`]);
  if (code === 3) return undefined;
  if (code !== 0) {
    throw new HostError(`the processes of ${dataDirectory} on ${host.name} cannot be read: ${whyUnread(code, stderr)}`);
  }
  return processesIn(stdout);
}

/** @param printed by the script */
export function processesIn(printed: string): readonly ServerProcess[] {
  const lines = printed.split("\n");
  const commands = new Map(
    lines.flatMap((line) => {
      const [, pid, seconds] = commandLine.exec(line) ?? [];
      return pid === undefined ? [] : [[Number(pid), Number(seconds)] as const];
    }),
  );
  return lines.flatMap((line) => {
    const [, pid, state = "", switches, title = ""] = processLine.exec(line) ?? [];
    if (pid === undefined) return [];
    const commandFor = isArchiver(title) ? commands.get(Number(pid)) : undefined;
    return [
      {
        pid: Number(pid),
        state,
        switches: Number(switches),
        title: title.trimEnd(),
        ...(commandFor === undefined ? {} : { commandFor: Math.max(0, commandFor) }),
      },
    ];
  });
}

/** The whole title: that of a session has names in it that a client chose, and its address behind them. What is before a colon is cluster_name. */
const archiver = /^postgres: (?:.*: )?archiver(?: process)?(?: +(?:archiving|last was|failed on) \S+)? *$/;

function isArchiver(title: string): boolean {
  return archiver.test(title);
}

/** A process that cannot end. */
export interface Stuck extends ServerProcess {
  readonly seconds: number;
}

const mayBeStuck = /^[DTt]$/;
/** Milliseconds between two looks, and how often after the first. A disk that is busy lets a process go on in between. */
const [between, looks] = [1000, 2];

/** Those of them that did nothing for two seconds, and could not. Nothing is waited for where none looks so. */
export async function stuckAmong(
  seen: readonly ServerProcess[],
  lookAgain: () => Promise<readonly ServerProcess[] | undefined>,
): Promise<readonly Stuck[]> {
  let left = seen.filter(({ state }) => mayBeStuck.test(state));
  for (let look = 0; look < looks && left.length > 0; look++) {
    await new Promise((done) => setTimeout(done, between));
    const now = new Map(((await lookAgain()) ?? []).map((one) => [one.pid, one]));
    left = left.filter(({ pid, state, switches }) => {
      const same = now.get(pid);
      return same !== undefined && same.state === state && same.switches === switches;
    });
  }
  return left.map((one) => ({ ...one, seconds: (between * looks) / 1000 }));
}
