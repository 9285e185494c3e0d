import { type Complaint, type Seen, typed } from "../finding.js";

/**
 * Whether the server can put its sockets where it is to. Below a folder of root's a missing one is made by root, with the
 * service and before each start; what is there stays as it is, so one that is closed stays closed.
 */
export function checkSockets({ host, server, facts }: Seen): Complaint[] {
  const user = host.osUser;
  // Looked at as root, every folder seems writable, and nothing can be said.
  if (host.user !== user) return [];
  const complaint = { check: "sockets", severity: "error", path: `servers.${server.name}.settings` } as const;
  return facts.sockets.flatMap(({ path, found, at, owner }): Complaint[] => {
    const isThere = at === path;
    if (found === "open" || (found === "closed" && !isThere && owner === "root" && host.root.can)) return [];
    if (found === "other") {
      return [
        {
          ...complaint,
          cause: `${path} is to hold the server's socket, and ${at} is no folder`,
          remedy: "move that away, or declare another unix_socket_directories",
        },
      ];
    }
    return [
      {
        ...complaint,
        cause: isThere
          ? `${path} is to hold the server's socket, belongs to ${owner} and is closed to ${user}; pgsite leaves it as it is`
          : `${path} is to hold the server's socket, and ${user} cannot make it (${at} belongs to ${owner})`,
        remedy: isThere
          ? `declare another unix_socket_directories, or open it to ${user}`
          : `install -d -o ${user} -m 0755 ${typed(path)}${owner === "root" ? `, as root and after each boot that empties it (tmpfiles.d); or declare another unix_socket_directories` : ""}`,
      },
    ];
  });
}
