import type { Edge, Graph, Group, Node } from "./graph.js";

/** Places for what is drawn, in pixels. Pure: the same graph has the same places. */
export interface Drawing {
  readonly width: number;
  readonly height: number;
  readonly groups: readonly Placed<Group>[];
  readonly nodes: readonly Placed<Node>[];
  readonly lines: readonly Line[];
}

export type Placed<Thing> = Box & { readonly of: Thing };

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Line {
  readonly of: Edge;
  readonly points: readonly Point[];
  /** Where its text begins, or where the middle of it is. */
  readonly text: Point & { readonly anchor: "start" | "middle" };
  /** From one stack to another one. */
  readonly far: boolean;
}

/** Above the servers of a stack, and above a server for the text of its stream. */
export const head = 28;
export const labelHeight = 22;

export const nodeHeight = ({ lines }: Node): number => 40 + 18 * lines.length;

/** The stacks, each after those that it streams from. */
export function inOrder({ groups, edges }: Graph): readonly Group[] {
  const homeOf = (id: string) => groups.find(({ nodes }) => nodes.some((node) => node.id === id));
  const sorted: Group[] = [];
  const visit = (group: Group, seen: readonly Group[]) => {
    if (sorted.includes(group) || seen.includes(group)) return;
    for (const { from, to } of edges) {
      const source = homeOf(from);
      if (homeOf(to) === group && source !== undefined && source !== group) visit(source, [...seen, group]);
    }
    sorted.push(group);
  };
  for (const group of groups) visit(group, []);
  return sorted;
}
