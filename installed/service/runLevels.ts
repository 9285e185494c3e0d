import type { Host } from "../../hosts/host.js";
import { must } from "../must.js";
import type { ServiceFacts } from "./facts.js";

/** The run levels in which a script's service is up. */
export async function upIn(host: Host, name: string): Promise<readonly number[]> {
  const levels = await Promise.all(
    [0, 1, 2, 3, 4, 5, 6].map(async (level) => {
      const links = (await host.list(`/etc/rc${level}.d`)) ?? [];
      return links.some((link) => /^S\d\d/.test(link) && link.slice(3) === name) ? [level] : [];
    }),
  );
  return levels.flat();
}

/** Links as chkconfig and update-rc.d make them: started late, stopped early. Whatever other links there are go. */
const link = `set -e
name=$1
shift
for level in 0 1 2 3 4 5 6; do
  [ -d "/etc/rc$level.d" ] || mkdir "/etc/rc$level.d"
  for link in "/etc/rc$level.d"/[SK][0-9][0-9]"$name"; do
    [ -L "$link" ] && rm "$link"
  done
  kind=K36
  for up; do [ "$up" = "$level" ] && kind=S64; done
  ln -s "../init.d/$name" "/etc/rc$level.d/$kind$name"
done`;

const unlink = 'for link in /etc/rc[0-6].d/[SK][0-9][0-9]"$1"; do [ -L "$link" ] && rm "$link"; done; true';

/** System V: a script is started in run levels. */
export const byRunLevels = {
  isEnabled: async (host: Host, { name, runLevels }: ServiceFacts) =>
    `${await upIn(host, name)}` === `${[...runLevels].sort()}`,

  enable: (root: Host, { name, runLevels }: ServiceFacts) =>
    must(root, ["sh", "-c", link, "sh", name, ...runLevels.map(String)]),

  disable: (root: Host, { name }: ServiceFacts) => must(root, ["sh", "-c", unlink, "sh", name]),
};
