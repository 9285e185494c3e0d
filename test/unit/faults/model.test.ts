import fc from "fast-check";
import { expect, it } from "vitest";
import { resolveStack } from "../../../config/resolve.js";
import { type Act, acts, after, drawAct } from "../../faults/acts.js";
import { refusable } from "../../faults/campaign.js";
import {
  type Declared,
  firstDeclared,
  names,
  passwordOf,
  present,
  stackKeys,
  successors,
  upstreamOf,
} from "../../faults/model.js";
import { Random } from "../../faults/random.js";

/** Acts as a campaign draws them, each from what the one before left; what a site refuses is taken back. */
function drawn(seed: number, count: number): readonly { readonly act: Act; readonly declared: Declared }[] {
  const random = new Random(seed);
  let declared = firstDeclared(seed % 2 === 0);
  return Array.from({ length: count }, () => {
    const act = drawAct(random, declared);
    const next = after(declared, act) as Declared;
    if (!refusable.has(act.kind)) declared = next;
    return { act, declared: next };
  });
}

/** What is wrong with a stack file, without the test's own places. */
function problems(declared: Declared): readonly string[] {
  const servers = Object.fromEntries(
    Object.entries(stackKeys(declared).servers as object).flatMap(([name, keys]) =>
      keys === null ? [] : [[name, { dataDirectory: `/data/${name}`, ...keys }]],
    ),
  );
  const keys = {
    site: "orders",
    postgresql: "15",
    hosts: Object.fromEntries(names.map((name, index) => [name, `192.0.2.${index + 2}`])),
    ...stackKeys(declared),
    servers,
  };
  const passwords = Object.entries(declared.passwords).map(([role, number]) => [
    `password-${role}`,
    passwordOf(role, number),
  ]);
  const raw = Object.entries(keys).map(([key, value]) => [
    key,
    typeof value === "string" ? value : JSON.stringify(value),
  ]);
  const all = Object.fromEntries([...raw, ...passwords].map(([key, value]) => [`pgsite:${key}`, `${value}`]));
  return resolveStack("site", all)
    .problems.filter(({ severity }) => severity === "error")
    .map(({ path, message }) => `${path}: ${message}`);
}

it("is the same sequence from the same seed, and another from another", () => {
  expect(drawn(7, 50)).toEqual(drawn(7, 50));
  expect(drawn(7, 50)).not.toEqual(drawn(9, 50));
});

it("comes to every kind of act", () => {
  const kinds = new Set([1, 2, 3, 4, 5, 6].flatMap((seed) => drawn(seed, 100).map(({ act }) => act.kind)));
  expect([...kinds].sort()).toEqual(Object.keys(acts).sort());
});

it("is a stack file without problems after every act, of a site in which somebody can take over", () => {
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      for (const { act, declared } of drawn(seed, 30)) {
        if (!refusable.has(act.kind)) expect(problems(declared), JSON.stringify(act)).toEqual([]);
        const isLost = Object.values(declared.servers).some(({ lost }) => lost !== undefined);
        if (!isLost) expect(successors(declared).length, JSON.stringify(act)).toBeGreaterThan(0);
        for (const name of present(declared)) {
          const upstream = upstreamOf(declared, name);
          expect(upstream === undefined || present(declared).includes(upstream), `${name} ${JSON.stringify(act)}`).toBe(
            true,
          );
        }
      }
    }),
    { numRuns: 6 },
  );
});

it("leaves out what does not apply: a sequence goes on with steps missing", () => {
  const steps = drawn(12, 80).map(({ act }) => act);
  let declared = firstDeclared(true);
  for (const act of steps.filter((_, index) => index % 3 !== 0)) declared = after(declared, act) ?? declared;
  expect(problems({ ...declared, settings: {} })).toEqual([]);
});
