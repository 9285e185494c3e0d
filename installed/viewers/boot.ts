import { posix } from "node:path";
import type { Viewers } from "../../config/viewers.js";
import type { Schedule } from "../schedule/render.js";
import { viewersMark } from "./httpd.js";
import { programNames } from "./render.js";

/** Starts the viewers' httpd with its machine; nothing where the stack says that nothing does. */
export function bootSchedule(viewers: Viewers | Omit<Viewers, "links">): Schedule | undefined {
  const { site, host, bin, boot } = viewers;
  if (!boot) return undefined;
  return {
    name: `pgsite-${site}-viewers`,
    mark: viewersMark(viewers),
    description: `httpd of the web viewers of ${site}`,
    when: { boot: true },
    user: host.user,
    command: [posix.join(bin, programNames.viewers), "start"],
  };
}
