import { quote } from "../../hosts/quote.js";
import { type Major, numberOf } from "../../postgres/versions.js";

/** What every program knows that a host runs at given times. */
export interface JobFacts {
  readonly site: string;
  readonly server: string;
  readonly version: Major;
  /** The OS user that runs the server, and the program. */
  readonly user: string;
  readonly dataDirectory: string;
  readonly controlDirectory: string;
  /** Folder of the server programs. */
  readonly binDirectory: string;
  /** Folder of client programs, where that has none. @default it has */
  readonly clientDirectory?: string;
  readonly port: number;
  /** How it connects to its own server. */
  readonly connection: JobConnection;
  /** @default nobody gets any mail */
  readonly mail?: { readonly to: string; readonly from?: string };
}

/**
 * By the server's socket as the superuser that its OS user may be (peer), or by an address, where that user has another name.
 * Without a folder the socket is where its programs look for it.
 */
export type JobConnection =
  | {
      readonly socketFolder?: string;
      /** @default "postgres" */
      readonly role?: string;
    }
  | { readonly address: string; readonly role: string; readonly passfile: string };

/** Shell assignments, as `installed/jobs/common.sh` reads them. @param more of a program's own */
export function renderSettings(facts: JobFacts, more: Readonly<Record<string, string | number>> = {}): string {
  const { site, server, version, user, connection, mail } = facts;
  const byAddress = "address" in connection;
  const settings = {
    site,
    server,
    version,
    number: numberOf(version),
    user,
    data: facts.dataDirectory,
    control: facts.controlDirectory,
    bin: facts.binDirectory,
    clients: facts.clientDirectory ?? "",
    port: facts.port,
    host_of_server: byAddress ? connection.address : (connection.socketFolder ?? ""),
    role_of_jobs: connection.role ?? "postgres",
    passfile_of_jobs: byAddress ? connection.passfile : "",
    mail_to: mail?.to ?? "",
    mail_from: mail?.from ?? "",
    sendmail: "",
    ...more,
  };
  const heading = `# Written by pgsite: server ${server} of the site ${site}. Change the stack file instead.`;
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${quote(`${value}`)}`);
  return `${[heading, ...lines].join("\n")}\n`;
}
