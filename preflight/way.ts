/**
 * The way to a program: every folder and link on it, and the program itself. Whoever may change one of them decides what is
 * run by that name, as the servers' OS user.
 */

/** One step of a way, as stat(1) sees it without following it. */
export interface Step {
  readonly path: string;
  readonly isLink: boolean;
  /** Permissions. */
  readonly mode: number;
  readonly uid: number;
  readonly owner: string;
  readonly group: string;
}

/** An expansion of the shell's, as a template of ours can hold it. */
export const expanded = (word: string) => `\${${word}}`;

/** For the facts script: `way PATH [KEY]` says each step as `$at.way`, or as `$at.KEY`. Links are followed as the kernel does, up to as many. */
export const wayFunction = `way() {
  rest=$1 key=${expanded("2:-way")} folder=/ links=0
  set -- /
  while [ -n "$rest" ]; do
    name=${expanded("rest%%/*")}
    case $rest in */*) rest=${expanded("rest#*/")} ;; *) rest= ;; esac
    case $name in
      '' | .) continue ;;
      ..) folder=$(dirname -- "$folder") && continue ;;
    esac
    step=${expanded("folder%/")}/$name
    set -- "$@" "$step"
    if [ -L "$step" ] && [ "$links" -lt 40 ]; then
      links=$((links + 1))
      target=$(readlink -- "$step")
      case $target in /*) folder=/ ;; esac
      rest=$target/$rest
    else
      folder=$step
    fi
  done
  stat -c '%f %u %U %G %n' -- "$@" 2>/dev/null | while IFS= read -r step; do say "$at.$key" "$step"; done
}
`;

/** A line of `way`, or undefined where it is none. */
export function parseStep(line: string): Step | undefined {
  const [, mode, uid, owner, group, path] = /^([0-9a-f]+) (\d+) (\S+) (\S+) (\/.*)$/.exec(line) ?? [];
  if (mode === undefined || owner === undefined || group === undefined || path === undefined) return undefined;
  const bits = Number.parseInt(mode, 16);
  return { path, isLink: (bits & 0o170000) === 0o120000, mode: bits & 0o7777, uid: Number(uid), owner, group };
}

/** Who but root and the OS user can change what a way leads to. A folder with a sticky bit counts: a stranger may make in it what is not there yet. */
export interface Stranger {
  readonly step: Step;
  /** A group is made of people whom an administrator put into it. */
  readonly who: "its owner" | "everyone" | "its group";
}

export function strangersOn(way: readonly Step[], osUser: string): readonly Stranger[] {
  return way.flatMap((step): Stranger[] => {
    if (step.uid !== 0 && step.owner !== osUser) return [{ step, who: "its owner" }];
    // A link's own mode says nothing.
    if (step.isLink) return [];
    if ((step.mode & 0o002) !== 0) return [{ step, who: "everyone" }];
    return (step.mode & 0o020) !== 0 && !["root", osUser].includes(step.group) ? [{ step, who: "its group" }] : [];
  });
}
