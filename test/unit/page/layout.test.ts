import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { narrow } from "../../../page/column.js";
import { type Graph, graphOf } from "../../../page/graph.js";
import { stacked, wide } from "../../../page/layout.js";
import type { Box, Drawing } from "../../../page/places.js";
import { sitesOf } from "../../../page/sites.js";
import { server, stack, written } from "../../support/syntheticParts.js";
import { hundred, threeSites } from "../../support/syntheticReport.js";

const apart = (a: Box, b: Box): boolean =>
  a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y;

const inside = (a: Box, b: Box): boolean =>
  a.x >= b.x && a.y >= b.y && a.x + a.width <= b.x + b.width + 0.01 && a.y + a.height <= b.y + b.height + 0.01;

const pairs = <T>(all: readonly T[]): readonly (readonly [T, T])[] =>
  all.flatMap((a, index) => all.slice(index + 1).map((b) => [a, b] as const));

/** What is wrong with where things are. */
function problems({ groups, nodes, lines, width, height }: Drawing, graph: Graph): readonly string[] {
  const whole = { x: -0.01, y: -0.01, width: width + 0.02, height: height + 0.02 };
  const points = lines.flatMap((line) => line.points);
  return [
    ...pairs(nodes).flatMap(([a, b]) => (apart(a, b) ? [] : [`${a.of.id} lies on ${b.of.id}`])),
    ...pairs(groups).flatMap(([a, b]) => (apart(a, b) ? [] : [`${a.of.id} lies on ${b.of.id}`])),
    ...groups.flatMap((group) =>
      group.of.nodes.flatMap(({ id }) => {
        const node = nodes.find(({ of }) => of.id === id);
        return node !== undefined && inside(node, group) ? [] : [`${id} is not in its stack`];
      }),
    ),
    ...groups.flatMap((group) => (inside(group, whole) ? [] : [`${group.of.id} is cut off`])),
    ...points.flatMap(({ x, y }) =>
      Number.isFinite(x + y) && x >= -0.01 && x <= width + 0.01 ? [] : [`a line runs to ${x}, ${y}`],
    ),
    ...(lines.length === graph.edges.length ? [] : ["a stream is missing"]),
  ];
}

/** Stacks of any sizes; each server streams from any other, itself, or one that nobody knows. */
const sizes = fc.array(fc.array(fc.nat(14), { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 4 });

function graphOfSizes(all: readonly (readonly number[])[]): Graph {
  const names = all.flatMap((own, place) => own.map((_, index) => `s${place}-${index}`));
  const stacks = all.map((own, place) => {
    const servers = own.map((_, index) => server({ name: `s${place}-${index}`, role: "standby", settings: [] }));
    const streams = own.flatMap((from, index) => {
      return from === 14 ? [] : [{ server: `s${place}-${index}`, from: names[from] ?? "stranger" }];
    });
    return stack({ stack: `s${place}`, servers, streams });
  });
  const [site] = sitesOf({ format: 1, generatedAt: written, stacks });
  return graphOf(site as NonNullable<typeof site>, new Set());
}

describe("the places of servers", () => {
  it("never lie on each other, whoever streams from whom", () => {
    fc.assert(
      fc.property(sizes, (all) => {
        const graph = graphOfSizes(all);
        expect(problems(wide(graph), graph)).toEqual([]);
        expect(problems(stacked(graph), graph)).toEqual([]);
        expect(problems(narrow(graph, 340), graph)).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  it("follow the streams from left to right, and the other stack is apart", () => {
    const [sispi] = sitesOf(threeSites());
    const { nodes, lines } = wide(graphOf(sispi as NonNullable<typeof sispi>, new Set()));
    const x = (name: string) => nodes.find(({ of }) => of.name === name)?.x ?? 0;
    expect(x("server2")).toBeLessThan(x("server3"));
    expect(x("server3")).toBeLessThan(x("server5"));
    expect(x("server5")).toBeLessThan(x("des10"));
    expect(x("des10")).toBeLessThan(x("des11"));
    expect(lines.filter(({ far }) => far).map(({ of }) => of.label)).toEqual([
      "des10 streams from server2, lag: 16.4 kB, 2s",
    ]);
  });

  it("have room for the text of each stream between stacks, one below the other, on any window", () => {
    const [site] = sitesOf(hundred());
    const all = site as NonNullable<typeof site>;
    const graph = graphOf(all, new Set(all.stacks.map(({ id }) => id)));
    const { lines, width, groups } = stacked(graph);
    expect(width).toBeLessThan(375);
    const texts = lines.map(({ text, of }): Box => {
      const room = 12 + 7 * of.text.length;
      return { x: text.x - room / 2, y: text.y - 10, width: room, height: 20 };
    });
    expect(texts).toHaveLength(3);
    for (const text of texts) {
      expect(inside(text, { x: 0, y: 0, width, height: 10_000 })).toBe(true);
      expect(groups.every((group) => apart(text, group))).toBe(true);
    }
    expect(pairs(texts).every(([a, b]) => apart(a, b))).toBe(true);
  });

  it("keep a stack together that is one node", () => {
    const [sispi] = sitesOf(threeSites());
    const { groups, edges } = graphOf(sispi as NonNullable<typeof sispi>, new Set(["stack-0"]));
    expect(groups.map(({ nodes }) => nodes.map(({ name }) => name))).toEqual([["4 servers"], ["des10", "des11"]]);
    expect(edges.map(({ from, to }) => `${from} → ${to}`)).toEqual(["stack-0 → server-1-0", "server-1-0 → server-1-1"]);
    expect(groups[0]?.nodes[0]?.lines).toEqual(["server2 takes writes", "1 lags", "worst lag 2.1 GB, 15m 12s"]);
  });
});
