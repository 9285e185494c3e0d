import { type Complaint, isUnseeded, type Seen } from "../finding.js";

/** What brings a server's data where nothing is to be copied over the network. */
export function restoreCommand(stack: string, server: string): string {
  return `pgsite archive restore --stack ${stack} ${server} --from FOLDER --sha256 DIGEST`;
}

/** Data that come by archive have to be there before anything else is done. */
export function checkArchive({ request, server, facts }: Seen): Complaint[] {
  if (request.byArchive !== true || !isUnseeded(facts)) return [];
  const state = facts.incomplete ? "is not whole yet" : "has none yet";
  return [
    {
      check: "archive",
      severity: "error",
      path: "baseBackup.method",
      cause: `its data come by archive, and ${server.dataDirectory} ${state}`,
      remedy: `${restoreCommand(request.stack, server.name)}, then run again (docs/archive.md)`,
    },
  ];
}
