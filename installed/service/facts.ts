import type { compiledIn } from "../../config/socketFolders.js";

/** What a service that starts a server with its machine is made from. */
export interface ServiceFacts {
  /** The service's own name: of the unit without `.service`, or of the script in /etc/init.d. */
  readonly name: string;
  readonly site: string;
  readonly server: string;
  /** The OS user that runs the server. */
  readonly user: string;
  readonly dataDirectory: string;
  readonly controlDirectory: string;
  /** Where its configuration is. @default in the data directory */
  readonly configurationDirectory?: string;
  /** The distribution's own systemd unit, without `.service`. @default pgsite makes one */
  readonly unit?: string;
  /** What tells that unit where the data are. @default it knows */
  readonly unitEnvironment?: Readonly<Record<string, string>>;
  /** Whether its configuration has a start.conf of Debian's. @default it has none */
  readonly startConf?: true;
  /** Where what it says goes. @default start.log */
  readonly log?: string;
  /** Folder of the server programs. */
  readonly binDirectory: string;
  readonly passfile: string;
  /** Folders of sockets, which a reboot may empty (/run). */
  readonly socketFolders: readonly string[] | typeof compiledIn;
  /** System V run levels in which it is up. */
  readonly runLevels: readonly number[];
}

/** Says whose a file is: one without it is not pgsite's to touch. */
export function mark({ site, server }: Pick<ServiceFacts, "site" | "server">): string {
  return `Written by pgsite: server ${server} of the site ${site}.`;
}

/** What every service file says first. */
export function heading(facts: ServiceFacts): readonly string[] {
  return [mark(facts), "Change the stack file instead: what is changed here shows in the next preview."];
}
