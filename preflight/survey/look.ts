import { userInfo } from "node:os";
import { type Host, type HostSpec, isOfHost } from "../../hosts/host.js";
import type { HostOf } from "../collect.js";
import { Lines } from "../parse.js";
import type { Seen, Survey } from "./facts.js";
import { parseSurvey } from "./parse.js";
import { surveyScript } from "./script.js";

/** Milliseconds: a mount whose server is gone hangs for ever. */
const patience = 60_000;

/** Folders in which data may be put, whichever distribution it is; mounted disks are found on the host. */
const homes = ["/var/lib/postgresql", "/var/lib/pgsql", "/var/lib/postgres", "/srv/postgresql", "/srv"];

/** Looks at hosts of which nothing is declared but how they are reached, all at once. Changes nothing, never throws. */
export function survey(hosts: readonly HostSpec[], hostOf: HostOf): Promise<readonly Seen[]> {
  return Promise.all(
    hosts.map(async (host): Promise<Seen> => {
      try {
        return await surveyOf(host, hostOf);
      } catch (error) {
        return { host, unreachable: messageOf(error) };
      }
    }),
  );
}

/** As the OS user, who sees what the server will see; where we cannot be that user, as whoever we are after the login. */
async function surveyOf(spec: HostSpec, hostOf: HostOf): Promise<Survey> {
  const known = await hostOf({ ...spec, user: spec.transport === "local" ? userInfo().username : "" });
  // A host that cannot be reached at all says so before anybody else is tried.
  await known.run(["true"]);
  const [asUser, asRoot] = await Promise.all([
    whyNot(async () => hostOf(spec)),
    whyNot(async () => hostOf({ ...spec, user: "root" })),
  ]);
  const host = asUser === undefined ? await hostOf(spec) : known;
  const { code, stdout, stderr } = await host.run(["sh", "-c", surveyScript, "sh", spec.user, ...homes], {
    timeout: patience,
  });
  const lines = new Lines(stdout);
  if (!lines.flag("end")) {
    throw new Error(`${spec.name} cannot be looked at: ${stderr.trim() || `sh ended with status ${code}`}`);
  }
  return {
    host: spec,
    ...parseSurvey(lines),
    ...(asUser === undefined ? {} : { notAsUser: asUser }),
    ...(asRoot === undefined ? {} : { notAsRoot: asRoot }),
  };
}

/** Why nothing can be run as the user of a host; undefined where it can. */
async function whyNot(host: () => Promise<Host>): Promise<string | undefined> {
  try {
    const { code, stderr } = await (await host()).run(["true"]);
    return code === 0 ? undefined : stderr.trim();
  } catch (error) {
    if (!isOfHost(error)) throw error;
    return messageOf(error);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : `${error}`;
}
