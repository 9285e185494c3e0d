import { Graph as Dagre, layout } from "@dagrejs/dagre";
import type { Edge, Graph, Group, Node } from "./graph.js";
import {
  type Box,
  type Drawing,
  head,
  inOrder,
  type Line,
  labelHeight,
  nodeHeight,
  type Placed,
  type Point,
} from "./places.js";

const nodeWidth = 216;
const padding = 20;
/** Between two stacks: whoever is apart is drawn apart. */
const ocean = 168;

/** How wide a text is at most, at 12 pixels. */
const textWidth = (text: string): number => Math.min(230, 16 + 7 * text.length);

/** Each stack laid out by itself, and the streams between two of them. */
function parts(graph: Graph) {
  const homes = new Map(graph.groups.flatMap(({ id, nodes }) => nodes.map((node) => [node.id, id] as const)));
  const isIn = (group: Group) => (id: string) => homes.get(id) === group.id;
  const far = graph.edges.filter(({ from, to }) => homes.get(from) !== homes.get(to));
  const inner = graph.groups.map((group) => {
    const own = isIn(group);
    return within(
      group,
      graph.edges.filter(({ from, to }) => own(from) && own(to)),
      far,
    );
  });
  return { far, inner, homeOf: (id: string) => homes.get(id) ?? id };
}

/** All of it, of stacks that have their places. `between`: the way of a stream from the edge of its stack to that of the other. */
function whole(
  moved: readonly ReturnType<typeof move>[],
  far: readonly Edge[],
  homeOf: (id: string) => string,
  between: (edge: Edge, index: number, start: Point, end: Point) => readonly Point[],
  bears: (piece: Piece) => boolean = () => true,
): Omit<Drawing, "width" | "height"> {
  const find = (id: string) => moved.find(({ group }) => group.id === homeOf(id));
  const crossing = far.map((edge, index): Line => {
    const [out, into] = [
      find(edge.from)?.ports.get(`out ${index}`) ?? [],
      find(edge.to)?.ports.get(`in ${index}`) ?? [],
    ];
    const [start, end] = [out.at(-1) ?? origin, into[0] ?? origin];
    const way = between(edge, index, start, end);
    // Its text stands where it crosses to the other stack: in the middle of its longest piece, or of the longest level one.
    const [from, to] = longest(piecesOf([start, ...way, end]).filter(bears));
    const text = { x: (from.x + to.x) / 2, y: (from.y + to.y) / 2, anchor: "middle" as const };
    return { of: edge, points: [...out, ...way, ...into], text, far: true };
  });
  return {
    groups: moved.map(({ group, box }) => ({ ...box, of: group })),
    nodes: moved.flatMap(({ nodes }) => nodes),
    lines: [...moved.flatMap(({ lines }) => lines), ...crossing],
  };
}

const origin: Point = { x: 0, y: 0 };

type Piece = readonly [Point, Point];

const piecesOf = (points: readonly Point[]): readonly Piece[] =>
  points.slice(1).map((point, index) => [points[index] ?? origin, point] as const);

function longest(pieces: readonly Piece[]): Piece {
  const length = ([a, b]: Piece) => Math.abs(a.x - b.x) + Math.abs(a.y - b.y);
  return pieces.reduce((best, piece) => (length(piece) > length(best) ? piece : best), pieces[0] ?? [origin, origin]);
}

/** Those that are level: beside one that runs down at the edge there is no room for a text. */
const isLevel = ([a, b]: Piece): boolean => a.y === b.y;

/** From left to right: the stacks among each other by dagre, as boxes, so that none can lie on another one. */
export function wide(graph: Graph): Drawing {
  const { far, inner, homeOf } = parts(graph);
  const among = new Dagre({ multigraph: true });
  among.setGraph({ rankdir: "LR", nodesep: 40, ranksep: ocean, marginx: 1, marginy: 1 });
  among.setDefaultEdgeLabel(() => ({}));
  for (const { group, width, height } of inner) among.setNode(group.id, { width, height });
  far.forEach(({ from, to }, index) => {
    among.setEdge(homeOf(from), homeOf(to), { weight: 1 }, `${index}`);
  });
  layout(among);
  // Dagre has the middles of a column in line. With their left sides in line, what comes in stays outside of the others.
  const middle = ({ group }: Inner) => among.node(group.id).x ?? 0;
  const left = (one: Inner) =>
    Math.max(...inner.filter((each) => middle(each) === middle(one)).map((each) => each.width));
  const moved = inner.map((one) => {
    return move(one, { x: middle(one) - left(one) / 2, y: boxOf(among.node(one.group.id)).y });
  });
  const between = ({ from, to }: Edge, index: number) => {
    const points = pointsOf(among.edge(homeOf(from), homeOf(to), `${index}`));
    // A bend in the middle of two neighbours is dagre's own; around a stack between them there are more.
    return points.length > 3 ? points.slice(1, -1) : [];
  };
  const { width = 0, height = 0 } = among.graph();
  return { width, height, ...whole(moved, far, homeOf, between) };
}

/** The stacks one below the other, each from left to right; what runs between them goes by the gap above the lower one. */
export function stacked(graph: Graph): Drawing {
  const { far, inner, homeOf } = parts(graph);
  const lane = 10;
  const side = 12 + lane * far.length;
  // What runs into a stack has its text above it, one below the other.
  const into = (id: string) => far.filter(({ to }) => homeOf(to) === id);
  const gapAbove = (id: string) => 44 + labelHeight * Math.max(0, into(id).length - 1);
  const width = Math.max(...inner.map((one) => one.width), 0) + 2 * side;
  const order = inOrder(graph).flatMap(({ id }) => inner.filter(({ group }) => group.id === id));
  let y = 0;
  const moved = order.map((one, index) => {
    if (index > 0 || into(one.group.id).length > 0) y += gapAbove(one.group.id);
    const placed = move(one, { x: side, y });
    y += one.height;
    return placed;
  });
  const between = (edge: Edge, index: number, start: Point, end: Point) => {
    const home = homeOf(edge.to);
    const top = moved.find(({ group }) => group.id === home)?.box.y ?? 0;
    const above = into(home).length - 1 - into(home).indexOf(edge);
    const [right, left, height] = [width - 6 - lane * index, 6 + lane * index, top - 22 - labelHeight * above];
    return [
      { x: right, y: start.y },
      { x: right, y: height },
      { x: left, y: height },
      { x: left, y: end.y },
    ];
  };
  return { width, height: y, ...whole(moved, far, homeOf, between, isLevel) };
}

/** A stack with its corner at 0, 0. `ports`: how what comes in, and goes out, runs between its edge and its server. */
interface Inner {
  readonly group: Group;
  readonly width: number;
  readonly height: number;
  readonly nodes: readonly Placed<Node>[];
  readonly lines: readonly Line[];
  readonly ports: ReadonlyMap<string, readonly Point[]>;
}

/** Whatever leaves the stack, or comes into it, is led to its edge by a node of no size, around the servers on the way. */
function within(group: Group, edges: readonly Edge[], far: readonly Edge[]): Inner {
  const own = new Set(group.nodes.map(({ id }) => id));
  const plan = new Dagre({ multigraph: true });
  plan.setGraph({ rankdir: "LR", nodesep: 20, ranksep: 56 });
  plan.setDefaultEdgeLabel(() => ({}));
  for (const node of group.nodes) plan.setNode(node.id, { width: nodeWidth, height: nodeHeight(node) });
  for (const edge of edges) {
    plan.setEdge(edge.from, edge.to, { width: textWidth(edge.text), height: labelHeight, labelpos: "c" }, "stream");
  }
  const ranks = depth(group, edges);
  const ends: { readonly key: string; readonly from: string; readonly to: string }[] = [];
  far.forEach(({ from, to }, index) => {
    if (own.has(from)) {
      ends.push({ key: `out ${index}`, from, to: `port out ${index}` });
      plan.setNode(`port out ${index}`, { width: 1, height: 1 });
      const minlen = Math.max(...ranks.values()) - (ranks.get(from) ?? 0) + 1;
      plan.setEdge(from, `port out ${index}`, { minlen }, "port");
    }
    if (own.has(to)) {
      ends.push({ key: `in ${index}`, from: `port in ${index}`, to });
      plan.setNode(`port in ${index}`, { width: 1, height: 1 });
      plan.setEdge(`port in ${index}`, to, { minlen: 1 + (ranks.get(to) ?? 0) }, "port");
    }
  });
  layout(plan);
  const boxes = group.nodes.map((node) => ({ of: node, ...boxOf(plan.node(node.id)) }));
  const [left, right] = [Math.min(...boxes.map(({ x }) => x)), Math.max(...boxes.map((box) => box.x + box.width))];
  const { height = 0 } = plan.graph();
  const by = { x: padding - left, y: head + 4 };
  const width = right - left + 2 * padding;
  const shift = (points: readonly Point[]) => points.map((point) => add(point, by));
  const nodes = boxes.map((box) => ({ ...box, ...add(box, by) }));
  // A line leaves a server in the middle of its right side and comes in on the left, wherever dagre would cut its box.
  const side = (id: string, part: 0 | 1): readonly Point[] => {
    const box = nodes.find(({ of }) => of.id === id);
    return box === undefined ? [] : [{ x: box.x + part * box.width, y: box.y + box.height / 2 }];
  };
  const lines = edges.map((edge): Line => {
    const found = plan.edge(edge.from, edge.to, "stream");
    const text = add({ x: found.x ?? 0, y: found.y ?? 0 }, by);
    // It turns before its own text, and so before those of its neighbours.
    const before = { x: text.x - textWidth(edge.text) / 2, y: text.y };
    const inside = shift(pointsOf(found).slice(1, -1)).flatMap((point) =>
      point.x === text.x ? [before, point] : [point],
    );
    const way = [...side(edge.from, 1), ...inside, ...side(edge.to, 0)];
    return { of: edge, points: way, text: { ...text, anchor: "middle" }, far: false };
  });
  const ports = ends.map(({ key, from, to }) => {
    const points = shift(pointsOf(plan.edge(from, to, "port")));
    const [first, last] = [points[0]?.y ?? 0, points.at(-1)?.y ?? 0];
    const inside = points.slice(1, -1).filter(({ x }) => x > 0 && x < width);
    // Up to the stack's edge, whatever dagre left between.
    const way = key.startsWith("out")
      ? [...side(from, 1), ...inside, { x: width, y: last }]
      : [{ x: 0, y: first }, ...inside, ...side(to, 0)];
    return [key, way] as const;
  });
  return { group, width, height: height + head + padding + 4, nodes, lines, ports: new Map(ports) };
}

/** How many streams lie between each server of a stack and the first of its chain. */
function depth({ nodes }: Group, edges: readonly Edge[]): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  const of = (id: string, seen: readonly string[]): number => {
    const edge = edges.find(({ to }) => to === id);
    return edge === undefined || seen.includes(id) ? 0 : 1 + of(edge.from, [...seen, id]);
  };
  for (const { id } of nodes) found.set(id, of(id, []));
  return found;
}

function move(inner: Inner, by: Point) {
  const shift = (points: readonly Point[]) => points.map((point) => add(point, by));
  return {
    group: inner.group,
    box: { ...by, width: inner.width, height: inner.height },
    nodes: inner.nodes.map((node) => ({ ...node, ...add(node, by) })),
    lines: inner.lines.map((line) => ({
      ...line,
      points: shift(line.points),
      text: { ...line.text, ...add(line.text, by) },
    })),
    ports: new Map([...inner.ports].map(([key, points]) => [key, shift(points)])),
  };
}

const add = ({ x, y }: Point, by: Point): Point => ({ x: x + by.x, y: y + by.y });

const pointsOf = ({ points }: { readonly points?: readonly Point[] }): readonly Point[] => points ?? [];

/** Dagre speaks of middles. */
function boxOf({ x = 0, y = 0, width, height }: { x?: number; y?: number; width: number; height: number }): Box {
  return { x: x - width / 2, y: y - height / 2, width, height };
}
