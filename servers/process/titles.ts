import { type Host, HostError } from "../../hosts/host.js";
import { below, whyUnread } from "./below.js";

/** Prints the titles of the children of a process, a line each. Where there is no /proc, that is told from a server that has no such process. */
const children = `${below}
for pid in $(below "$1"); do
  readTitle "$pid" && printf '%s\\n' "$title"
done 2>/dev/null
exit 0`;

/** Titles of a server's processes, without the postmaster's. @throws HostError where nobody can read them */
export async function titlesBelow(host: Host, dataDirectory: string, postmaster: number): Promise<readonly string[]> {
  const { code, stdout, stderr } = await host.run(["sh", "-c", children, "sh", `${postmaster}`]);
  if (code !== 0) {
    throw new HostError(`the processes of ${dataDirectory} on ${host.name} cannot be read: ${whyUnread(code, stderr)}`);
  }
  return stdout
    .split("\n")
    .map((line) => line.trimEnd())
    .filter((line) => line !== "");
}
