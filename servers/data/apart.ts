import { dirname, join, normalize } from "node:path";
import type { Host } from "../../hosts/host.js";

/** What a folder holds that is not in it: a link, or what is mounted there. */
export interface Apart {
  readonly kind: "link" | "mount";
  /** Relative to the folder; "" where the folder itself is what is mounted. */
  readonly path: string;
  /** What a link says. */
  readonly says: string;
  /** The real path of what is there; undefined where a link leads nowhere. */
  readonly leadsTo?: string;
  readonly type: "directory" | "file" | "other";
}

/** Links one by one; then the mount table of whoever asks, whose paths have octal escapes (proc(5), mountinfo). */
const looking = String.raw`folder=$(readlink -e -- "$1") || exit 0
cd -- "$folder" || exit
printf '%s\0' "$folder"
find . -ignore_readdir_race -mindepth 1 -name lost+found -prune -o -type l -exec sh -c 'for link; do
  printf "%s\0" "$link" "$(readlink -- "$link")" "$(readlink -e -- "$link")" "$(stat -L -c %F -- "$link" 2>/dev/null)"
done' sh {} +
printf '\0'
cat /proc/self/mountinfo`;

const walking = 10 * 60_000;

/** What is apart in a folder, links not followed, in the order of their paths. A folder that is not there has nothing. @throws where it cannot be read */
export async function apartIn(host: Host, folder: string): Promise<readonly Apart[]> {
  const { code, stdout, stderr } = await host.run(["sh", "-c", looking, "sh", folder], { timeout: walking });
  // A server that runs takes its files away before our eyes.
  const bad = stderr.split("\n").filter((line) => line !== "" && !line.endsWith("No such file or directory"));
  if (code !== 0 || bad.length > 0) {
    throw new Error(`${folder} on ${host.name} cannot be looked through: ${bad[0] ?? stderr.trim()}`);
  }
  return parseApart(stdout);
}

/** Reads what `looking` printed. */
export function parseApart(printed: string): readonly Apart[] {
  const fields = printed.split("\0");
  const root = fields.shift() ?? "";
  if (root === "") return [];
  const found: Apart[] = [];
  while (fields.length > 4 && fields[0] !== "") {
    const [path = "", says = "", leadsTo = "", kind = ""] = fields.splice(0, 4);
    const type = kind === "directory" ? "directory" : kind.startsWith("regular") ? "file" : "other";
    found.push({ kind: "link", path: normalize(path), says, type, ...(leadsTo === "" ? {} : { leadsTo }) });
  }
  const mounts = new Set((fields[1] ?? "").split("\n").map((line) => unescaped(line.split(" ")[4] ?? "")));
  for (const place of mounts) {
    if (place !== root && !place.startsWith(`${root}/`)) continue;
    found.push({ kind: "mount", path: place.slice(root.length + 1), says: "", leadsTo: place, type: "directory" });
  }
  return found.sort((left, right) => (left.path < right.path ? -1 : 1));
}

function unescaped(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/** Whether a link leads to a place in its own folder by a path that is as right in a copy of that. */
export function staysInside({ kind, path, says }: Apart): boolean {
  return kind === "link" && !says.startsWith("/") && !/^\.\.(\/|$)/.test(join(dirname(path), says));
}
