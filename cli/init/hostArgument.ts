import { isIP } from "node:net";
import type { HostSpec } from "../../hosts/host.js";
import { isHere } from "../here.js";
import { isName } from "../import/import.js";

/** How a host was named: `db1=admin@192.0.2.11`, `192.0.2.11`, `db1=site-b`. */
export interface GivenHost {
  readonly name: string;
  /** An address, or a name that ssh knows. */
  readonly destination: string;
  readonly login?: string;
}

/** What one types for a host, in words. */
export const hostForm = "NAME=ADDRESS, NAME=LOGIN@ADDRESS, or a name that ssh knows";

/** @param number of the host among all, from 1 on @throws where it is no host */
export function parseHost(given: string, number: number, login: string | undefined): GivenHost {
  const [, named, rest = given] = /^([^=]+)=(.+)$/.exec(given.trim()) ?? [];
  const [, own, destination = rest] = /^([^@]+)@(.+)$/.exec(rest.trim()) ?? [];
  const short = destination.split(".")[0] ?? "";
  const name = named ?? (isIP(destination) !== 0 || !isName(short) ? `db${number}` : short);
  if (!isName(name)) throw new Error(`"${name}" is no name for a host: lower-case letters, digits, - and _`);
  if (!/^[A-Za-z0-9_:][A-Za-z0-9_.:-]*$/.test(destination)) {
    throw new Error(`"${given}" is no host: ${hostForm}`);
  }
  const who = own ?? login;
  return { name, destination, ...(who === undefined ? {} : { login: who }) };
}

/** How pgsite reaches it, as the OS user that is to own the data. */
export async function specOf({ name, destination, login }: GivenHost, user: string): Promise<HostSpec> {
  const here = login === undefined && (await isHere(destination));
  return {
    name,
    transport: here ? "local" : "ssh",
    address: destination,
    user,
    ...(login === undefined ? {} : { login }),
  };
}
