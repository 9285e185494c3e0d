import type { Edge, Graph, Group, Node } from "./graph.js";
import { type Drawing, head, inOrder, type Line, labelHeight, nodeHeight, type Placed } from "./places.js";

/** The widest that one column of servers is. */
const column = 560;

/** One below the other, each server under the one that it streams from: for a narrow window. */
export function narrow(graph: Graph, room: number): Drawing {
  const width = Math.min(room, column);
  const groups: Placed<Group>[] = [];
  const nodes: Placed<Node>[] = [];
  const gutter = 18;
  let y = 0;
  for (const group of inOrder(graph)) {
    const top = y;
    y += head + 4;
    for (const [node, level] of treeOf(group, graph.edges)) {
      const incoming = graph.edges.some(({ to }) => to === node.id);
      if (incoming) y += labelHeight;
      const x = gutter + 10 + Math.min(level, 3) * 16;
      nodes.push({ of: node, x, y, width: Math.max(160, width - x - 10), height: nodeHeight(node) });
      y += nodeHeight(node) + 10;
    }
    groups.push({ of: group, x: gutter, y: top, width: width - gutter - 1, height: y - top });
    y += 28;
  }
  const boxOfNode = (id: string) => nodes.find(({ of }) => of.id === id);
  const groupOf = (id: string) => graph.groups.find((group) => group.nodes.some((node) => node.id === id));
  const lines = graph.edges.flatMap((edge): Line[] => {
    const [from, to] = [boxOfNode(edge.from), boxOfNode(edge.to)];
    if (from === undefined || to === undefined) return [];
    const far = groupOf(edge.from) !== groupOf(edge.to);
    const into = { x: to.x, y: to.y + to.height / 2 };
    const text = { x: to.x + 4, y: to.y - 10, anchor: "start" as const };
    // Downwards beside what is between them: within a stack left of its servers, from one to another in the gutter.
    const lane = far || from.x >= to.x || from.y > to.y ? (far ? 6 : gutter + 4) : from.x + 8;
    const straight = lane === from.x + 8;
    const start = straight ? { x: lane, y: from.y + from.height } : { x: from.x, y: from.y + from.height / 2 };
    const turn = straight ? [] : [{ x: lane, y: start.y }];
    return [{ of: edge, points: [start, ...turn, { x: lane, y: into.y }, into], text, far }];
  });
  return { width, height: Math.max(0, y - 26), groups, nodes, lines };
}

/** Servers, each followed by those that stream from it, with how deep they stand. */
function treeOf({ nodes }: Group, edges: readonly Edge[]): readonly (readonly [Node, number])[] {
  const out: [Node, number][] = [];
  const upstreamOf = (id: string) => nodes.find((node) => edges.some(({ from, to }) => to === id && from === node.id));
  const visit = (node: Node, level: number) => {
    if (out.some(([each]) => each === node)) return;
    out.push([node, level]);
    for (const next of nodes) if (upstreamOf(next.id) === node) visit(next, level + 1);
  };
  for (const node of nodes) if (upstreamOf(node.id) === undefined) visit(node, 0);
  for (const node of nodes) visit(node, 0);
  return out;
}
