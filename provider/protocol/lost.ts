import { declaredLost, isLostHost, isLostServer } from "../../hosts/lost.js";
import type { Properties } from "./wire.js";

/** The server or host that a resource is on, where that is declared lost: then the resource stays as it is known. */
export function lostPlaceOf({ server, host }: Properties): string | undefined {
  if (typeof server === "string" && isLostServer(server)) return server;
  const name = (host as { readonly name?: unknown } | undefined)?.name;
  return typeof name === "string" && isLostHost(name) ? name : undefined;
}

export function cannotBeMade(resource: string, place: string): string {
  return `${resource} cannot be made: ${place} is ${declaredLost}; declare it when ${place} is back, and lost no more`;
}

export function isLeft(resource: string, place: string): string {
  return `left ${resource} on ${place} as it is: ${place} is ${declaredLost}`;
}
