import { setTimeout as sleep } from "node:timers/promises";
import type { HostSpec, Port } from "../host.js";
import { Tail } from "../tail.js";
import { connectSeconds, startLedOn } from "./client.js";

/** Whether an sshd leads connections on to a port of its host; `unknown`: it did not say. */
export type Forwarding = "open" | "forbidden" | "unknown";

/**
 * What ssh says of a connection that its host's sshd did not lead on (RFC 4254, 5.1), whatever forbids it: sshd_config, or a line of
 * authorized_keys. Where nothing listens, or somebody does who hangs up, it was led on.
 */
const answers: readonly (readonly [RegExp, Forwarding])[] = [
  [/open failed: (?:administratively prohibited|unknown channel type)/, "forbidden"],
  [/open failed: connect failed/, "open"],
];

const enough = 4096;

/** Asks the sshd of a host, by a connection of its own. Never fails, and takes no longer than a login may. */
export async function forwardingTo(spec: HostSpec, to: Port): Promise<Forwarding> {
  const child = startLedOn(spec, to);
  const said = new Tail(enough);
  child.stderr.setEncoding("utf8").on("data", (text: string) => said.push(text));
  // Whoever listens there is told nothing, and hangs up or waits.
  child.stdin.on("error", () => undefined).end();
  const spoken = new Promise<Forwarding>((resolve) => child.stdout.once("data", () => resolve("open")));
  const ended = new Promise<Forwarding>((resolve) => {
    child.once("error", () => resolve("unknown"));
    child.once("close", (code) => {
      const answer = answers.find(([pattern]) => pattern.test(said.text))?.[1];
      resolve(answer ?? (code === 0 ? "open" : "unknown"));
    });
  });
  const late = sleep(2 * connectSeconds * 1000, "unknown" as const, { ref: false });
  try {
    return await Promise.race([spoken, ended, late]);
  } finally {
    child.kill();
  }
}
