import { expect } from "vitest";
import type { MoveEvent, MovePhase } from "../../postgres/move/model.js";
import type { MovingHosts } from "./movingHosts.js";

/**
 * A move is killed at a phase, or when an event is told: in turn it goes back, and goes on, as an administrator would have it. Then all is
 * as before. @param also what else holds after each
 */
export async function expectBackAndOn(
  hosts: MovingHosts,
  at: MovePhase | MoveEvent["code"],
  content: (at: "server2" | "server3") => Promise<unknown>,
  also: () => Promise<void> = async () => undefined,
): Promise<void> {
  const before = await content("server2");
  const killed = await hosts.run("move", at);
  expect(killed.code, killed.stderr).not.toBe(0);
  const first = await hosts.run("back");
  expect(first, first.stderr).toMatchObject({ code: 0 });
  expect([await content("server2"), await hosts.runs("server3")]).toEqual([before, false]);
  await also();
  await hosts.clear();
  await hosts.run("move", at);
  const on = await hosts.run("move");
  expect(on, on.stderr).toMatchObject({ code: 0 });
  expect([await content("server3"), await hosts.runs("server2")]).toEqual([before, false]);
  await also();
  const back = await hosts.run("back");
  expect(back, back.stderr).toMatchObject({ code: 0 });
  expect(await content("server2")).toEqual(before);
  await hosts.clear();
}
