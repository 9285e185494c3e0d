import { setTimeout as sleep } from "node:timers/promises";
import type { HostSpec, Port, SocketFile } from "../host.js";
import { connectSeconds, startForward } from "./client.js";

/** A port of a host's loopback that leads to an address as it is reached from here. */
export interface Forward {
  readonly port: number;
  close(): void;
}

/** @throws with what ssh says, where the host's sshd lets nobody forward, say */
export async function forwardFrom(spec: HostSpec, to: Port | SocketFile): Promise<Forward> {
  const child = startForward(spec, to);
  child.stdin.on("error", () => undefined);
  let said = "";
  const port = new Promise<number>((resolve, reject) => {
    child.stderr.on("data", (chunk: Buffer) => {
      said += chunk.toString("utf8");
      const allocated = /^Allocated port (\d+) for remote forward/m.exec(said)?.[1];
      if (allocated !== undefined) resolve(Number(allocated));
    });
    child.once("error", reject);
    child.once("exit", () => reject(new Error(said.trim().split("\n").at(-1) ?? "ssh ended")));
  });
  const close = () => {
    child.stdin.end();
    child.kill();
  };
  try {
    const late = sleep(3 * connectSeconds * 1000, undefined, { ref: false }).then(() => {
      throw new Error("ssh does not say which port it was given");
    });
    return { port: await Promise.race([port, late]), close };
  } catch (error) {
    close();
    throw new Error(`${spec.name} gives no port to forward: ${(error as Error).message}`);
  }
}
