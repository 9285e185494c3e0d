import { posix } from "node:path";
import type { ViewersDescription } from "./schema.js";

/**
 * The viewers on one machine: their files and links in the host's folder. What runs them is not rehearsed, so modules and
 * programs stay what they are.
 */
export function translateViewers(
  viewers: ViewersDescription,
  osUser: string,
  inFolder: (host: string, path: string) => string,
): ViewersDescription {
  const moved = (path: string) => inFolder(viewers.host, path);
  return {
    ...viewers,
    user: osUser,
    folder: moved(viewers.folder),
    logs: moved(viewers.logs),
    products: moved(viewers.products),
    bin: moved(viewers.bin ?? posix.join(viewers.folder, "bin")),
    applications: Object.fromEntries(
      Object.entries(viewers.applications).map(([name, application]) => [
        name,
        application.kind === "mod_python" && application.sessions !== undefined
          ? { ...application, sessions: moved(application.sessions) }
          : application,
      ]),
    ),
  };
}
