import { atLeast, majorOf } from "../../postgres/versions.js";
import type { HostFacts, WantedFolder } from "../facts.js";
import { unfitFor } from "../fileSystems.js";
import { type Complaint, type Seen, typed } from "../finding.js";
import { areMade, missingFolders, strangerAbove } from "../folders.js";
import { foreignData } from "../foreign.js";

/** Who may be in a data directory: from 11 on its group may read it. */
const privateMode = (groupMayRead: boolean) => (groupMayRead ? 0o750 : 0o700);

/** Whether a server has data of a newer major version than is declared: no programs of that would help. */
export function hasNewerVersion({ request, facts }: Pick<Seen, "request" | "facts">): boolean {
  const major = facts.dataVersion === undefined ? undefined : majorOf(facts.dataVersion);
  const isThere = facts.data === "filled" && !facts.incomplete;
  return isThere && major !== undefined && major !== request.version && atLeast(major, request.version);
}

/** The data directory, what is in it, and whether the OS user can make what is missing. */
export function checkDirectory({ request, server, host, facts }: Seen): Complaint[] {
  const { dataDirectory } = server;
  const { version } = request;
  const user = host.osUser;
  const error = { check: "directory", severity: "error", path: `servers.${server.name}.dataDirectory` } as const;
  const found: Complaint[] = [];
  const say = (cause: string, remedy: string) => found.push({ ...error, cause, remedy });
  switch (facts.data) {
    case "dangling":
      return [
        { ...error, cause: `${dataDirectory} is a link to nothing`, remedy: "mount what it points to, or remove it" },
      ];
    case "other":
      return [
        { ...error, cause: `${dataDirectory} is no folder`, remedy: "move it away, or declare another dataDirectory" },
      ];
    case "unreadable":
      return [
        {
          ...error,
          cause: `${dataDirectory} belongs to ${facts.owner} and is closed to ${user}`,
          remedy: facts.identity
            ? `chown -R ${user} ${dataDirectory}`
            : `look what it holds: move that away or declare another dataDirectory; an empty folder is given to the server with chown ${user} ${dataDirectory}`,
        },
      ];
  }
  const foreign = facts.data === "filled" && !facts.incomplete && !facts.identity;
  if (foreign)
    found.push({ ...error, ...foreignData(`${dataDirectory} on ${host.host}, the data directory of ${server.name},`) });
  if (facts.owner !== undefined && facts.owner !== user && !foreign) {
    say(
      `${dataDirectory} belongs to ${facts.owner}, and the server runs as ${user}`,
      `chown -R ${user} ${dataDirectory}`,
    );
  }
  const allowed = privateMode(atLeast(version, "11"));
  if (facts.data === "filled" && !foreign && facts.mode !== undefined && (facts.mode & 0o777 & ~allowed) !== 0) {
    say(
      `${dataDirectory} has mode 0${facts.mode.toString(8)}: a server refuses to start there`,
      `chmod 0700 ${dataDirectory}`,
    );
  }
  // Data of an older one are upgraded, which `SITE-upgrade` plans and says.
  if (hasNewerVersion({ request, facts }) && !foreign) {
    found.push({
      ...error,
      severity: "warning",
      cause: `${dataDirectory} holds data of PostgreSQL ${facts.dataVersion}, and ${version} is declared`,
      remedy: `declare ${facts.dataVersion} again: no way leads back to an older version`,
    });
  }
  // Looked at as root, every folder seems writable, and nothing can be said.
  if (host.user === user) {
    if (facts.control === "closed") {
      say(`${server.controlDirectory} is closed to ${user}`, `chown -R ${user} ${server.controlDirectory}`);
    }
  }
  return [...found, ...checkMaking({ request, server, host, facts })];
}

/** Whether what is missing can be made. */
function checkMaking(seen: Seen): Complaint[] {
  const { host } = seen;
  const user = host.osUser;
  // Looked at as root, since there is no such user, nothing can be said of what it may.
  if (host.user !== user) return [];
  return missingFolders(seen).flatMap((missing): Complaint[] => {
    if (areMade(seen, missing)) return [];
    const { parent, folders, key } = missing;
    const paths = folders.map((folder) => folder.path);
    const stranger = host.root.can ? strangerAbove(missing) : undefined;
    const why = stranger === undefined ? "" : `, and root makes nothing where others may write: ${stranger.step.path}`;
    return [
      {
        check: "directory",
        severity: "error",
        path: key,
        cause: `${user} cannot make ${paths.join(" and ")} (${parent.path} belongs to ${parent.owner}${why})`,
        remedy: `install -d -o ${user} -m 0${folders[0].mode.toString(8)} ${paths.map(typed).join(" ")}`,
      },
    ];
  });
}

/** Whether the OS user can write where configuration is (pgsite puts each file there anew), and where its jobs do. */
export function checkFolders({ server, host, facts }: Seen): Complaint[] {
  // Looked at as root, every folder seems writable.
  if (host.user !== host.osUser) return [];
  const { folders = [], metrics } = server.jobs ?? {};
  const runs = facts.jobFolders.slice(0, folders.length);
  return [
    ...closedFolders(host, facts.configuration, "where configuration of the server is", [
      `servers.${server.name}.configurationDirectory`,
    ]),
    ...closedFolders(
      host,
      runs,
      "where backups lie",
      folders.map(({ key }) => key),
    ),
    ...facts.jobFolders.slice(folders.length).flatMap(({ path, found, owner }): Complaint[] => {
      if (found === "open" || metrics === undefined) return [];
      const isClosed = found === "closed";
      const state = isClosed ? `belongs to ${owner} and is closed to ${host.osUser}` : "is no folder";
      const open = isClosed
        ? `have its owner let ${host.osUser} write there (chgrp ${host.osUser} ${typed(path)}, chmod g+w ${typed(path)})`
        : `name the folder that node_exporter reads (--collector.textfile.directory)`;
      return [
        {
          check: "directory",
          severity: "error",
          path: "watch.metrics",
          cause: `${path}, where the watch puts metrics, ${state}`,
          remedy: `${open}, or leave metrics out`,
        },
      ];
    }),
  ];
}

/** @param keys of each in the stack file; the last is that of all more */
function closedFolders(
  host: HostFacts,
  folders: readonly WantedFolder[],
  what: string,
  keys: readonly string[],
): Complaint[] {
  return folders.flatMap(({ path, found, owner }, index): Complaint[] => {
    if (found === "open" || found === "absent") return [];
    const isOther = found === "other";
    return [
      {
        check: "directory",
        severity: "error",
        path: keys[index] ?? keys.at(-1) ?? "servers",
        cause: isOther
          ? `${path}, ${what}, is no folder`
          : `${path}, ${what}, belongs to ${owner} and is closed to ${host.osUser}`,
        remedy: isOther ? "move that away, or declare another folder" : `chown ${host.osUser} ${typed(path)}`,
      },
    ];
  });
}

/** Whether the data directory's file system keeps what it is given. */
export function checkFileSystem({ server, facts }: Seen): Complaint[] {
  if (server.host.transport === "docker" && facts.disk.type === "overlayfs" && !server.disposable) {
    return [
      {
        check: "file system",
        severity: "warning",
        path: `servers.${server.name}.dataDirectory`,
        cause: `${server.dataDirectory} lies in the container itself, and is lost when that is removed`,
        remedy: "run the container with a volume for it",
      },
    ];
  }
  const unfit = unfitFor(facts.disk.type);
  if (unfit === undefined || (server.disposable && !unfit.refused)) return [];
  return [
    {
      check: "file system",
      severity: unfit.refused ? "error" : "warning",
      path: `servers.${server.name}.dataDirectory`,
      cause: `${server.dataDirectory} lies on ${unfit.why}`,
      remedy: "choose a dataDirectory on a local disk",
    },
  ];
}
