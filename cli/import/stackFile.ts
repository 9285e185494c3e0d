import { renderStackText } from "../stackFile.js";
import type { Described, StackKeys } from "./describe.js";

/** The stack's configuration as Pulumi would hand it over. */
export function rawOf(keys: StackKeys): Record<string, string> {
  return Object.fromEntries(
    Object.entries(keys).map(([key, value]) => [
      `pgsite:${key}`,
      typeof value === "object" ? JSON.stringify(value) : `${value}`,
    ]),
  );
}

const comments: Readonly<Record<string, string>> = {
  hosts: "Every host by name, with its address.",
  settings: "The same on every server.",
  access: "pg_hba.conf, in order; pgsite adds its administrator over loopback, and the servers that may replicate.",
  roles: "Those that log in. Their passwords are left alone unless a key password-ROLE gives one.",
  service: "What starts the servers with their machines: without this key pgsite makes one for each.",
  initdb: "How the cluster was made: only read.",
};

/** Pulumi.STACK.yaml as a person would write it. */
export function renderStackFile({ keys, origins }: Described, stack: string): string {
  return renderStackText({
    keys,
    head: [`The stack ${stack}, read from its running servers by pgsite import.`],
    above: comments,
    behind: Object.fromEntries(Object.entries(origins).map(([where, origin]) => [where, saidOf(origin)])),
  });
}

function saidOf(origin: string): string {
  return origin === "postgresql.auto.conf" ? "by ALTER SYSTEM" : origin;
}
