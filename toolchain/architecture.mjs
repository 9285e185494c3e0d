// Holds the code to the floors of `floors.mjs`: no import upwards or sideways, no circle; and ARCHITECTURE.md to both.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { floors, outside, rooms } from "./floors.mjs";
import { codeOf, importsOf, topOf, treeOf } from "./imports.mjs";
import { checkout } from "./paths.mjs";

/** Counted from the lowest, which is 1; undefined for what stands on no floor. */
function floorOf(room) {
  const index = floors.findIndex((floor) => floor.some((each) => each.room === room));
  return index < 0 ? undefined : floors.length - index;
}

/** Everything that is wrong with the imports of a tree (a map: path → text), a message each. */
export function problemsOf(tree) {
  const imports = importsOf(tree);
  return [...roomProblems(tree), ...imports.flatMap(importProblems), ...circlesOf(imports).map(circleProblem)];
}

/** Code without a room, and rooms without code. */
function roomProblems(tree) {
  const files = groupBy(codeOf(tree), topOf);
  const unknown = [...files].filter(([room]) => floorOf(room) === undefined);
  return [
    ...unknown.map(
      ([room, [first]]) =>
        `${room} holds product code (${first}) and stands on no floor: give it one in toolchain/floors.mjs, or put its code into a room that has one`,
    ),
    ...rooms
      .filter((room) => !files.has(room))
      .map((room) => `${room} has a floor in toolchain/floors.mjs and holds no code: remove it there`),
  ];
}

/** What is wrong with an import: none or one message. */
function importProblems({ from, line, text, path, to }) {
  const at = `${from}:${line}: ${text}`;
  if (path === undefined) return [`${at}: what it imports is not to be read here: name the file as a text`];
  if (to === undefined) {
    const top = topOf(path);
    return outside.includes(top)
      ? [`${at}: ${top} is no part of the product, and no room imports it: move what is needed into a room`]
      : [`${at}: there is no such file in the product`];
  }
  const [importer, imported] = [topOf(from), topOf(to)];
  const [upper, lower] = [floorOf(importer), floorOf(imported)];
  // A room without a floor has its own message.
  if (importer === imported || upper === undefined || lower === undefined || upper > lower) return [];
  const named = (room, floor) => `${room} (floor ${floor})`;
  return upper < lower
    ? [
        `${at}: upwards, from ${named(importer, upper)} to ${named(imported, lower)}: move what it needs down to ${importer} or lower, or let the caller hand it in`,
      ]
    : [
        `${at}: sideways, from ${importer} to ${imported}, which share floor ${upper}: move what both need to a lower floor, or let a higher room bring them together`,
      ];
}

function circleProblem({ circle, knot }) {
  const steps = circle.map(({ from, line, text }) => `\n    ${from}:${line}: ${text}`).join("");
  const nodes = circle.map(({ node }) => node);
  const others = knot.filter((file) => !nodes.includes(file));
  const more = others.length === 0 ? "" : `\n    in further circles with these: ${others.join(", ")}`;
  return `circle of imports: ${[...nodes, nodes[0]].join(" → ")}: move what they share into a file that imports none of them${steps}${more}`;
}

/** Each key → those that have it. (Node's own comes with 21.) */
function groupBy(all, keyOf) {
  const groups = new Map();
  for (const each of all) {
    const key = keyOf(each);
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(each);
  }
  return groups;
}

/**
 * For each set of files that all reach each other, `knot`: one shortest `circle` among them, as its imports in order.
 * Imports of types count.
 */
function circlesOf(imports) {
  const edges = groupBy(
    imports.filter(({ to }) => to !== undefined).map((each) => ({ ...each, node: nodeOf(each.from) })),
    ({ node }) => node,
  );
  return knotsOf(edges).map((knot) => ({ knot: [...knot].sort(), circle: shortestCircle(knot, edges) }));
}

/** What a declaration declares is the file beside it. */
function nodeOf(path) {
  return path.replace(/\.d\.([cm]?)ts$/, ".$1js");
}

/** Tarjan: the sets of files of which each imports itself by way of the others. */
function knotsOf(edges) {
  const [order, low, stack, knots] = [new Map(), new Map(), [], []];
  const visit = (node) => {
    order.set(node, order.size);
    low.set(node, order.get(node));
    stack.push(node);
    for (const { to } of edges.get(node) ?? []) {
      if (!order.has(to)) visit(to);
      if (stack.includes(to)) low.set(node, Math.min(low.get(node), low.get(to)));
    }
    if (low.get(node) !== order.get(node)) return;
    const knot = stack.splice(stack.indexOf(node));
    if (knot.length > 1 || (edges.get(node) ?? []).some(({ to }) => to === node)) knots.push(new Set(knot));
  };
  for (const node of [...edges.keys()].sort()) if (!order.has(node)) visit(node);
  return knots;
}

/** By breadth, from the first of the knot's files. */
function shortestCircle(knot, edges) {
  const first = [...knot].sort()[0];
  const ways = [[first, []]];
  const seen = new Set();
  for (const [node, way] of ways) {
    for (const edge of edges.get(node) ?? []) {
      if (edge.to === first) return [...way, edge];
      if (!knot.has(edge.to) || seen.has(edge.to)) continue;
      seen.add(edge.to);
      ways.push([edge.to, [...way, edge]]);
    }
  }
  throw new Error(`no circle through ${first}`);
}

/** The table of the floors, in Markdown, as ARCHITECTURE.md shows it. */
export function tableOf() {
  const rows = floors.flatMap((floor, index) =>
    floor.map(({ room, holds }) => `| \`${room}\` | ${holds} | ${below(index)} |`),
  );
  return ["| folder | what it holds | may import |", "|---|---|---|", ...rows].join("\n");
}

function below(index) {
  const next = floors[index + 1];
  if (next === undefined) return "nothing of ours";
  const names = next.map(({ room }) => `\`${room}\``).join(", ");
  return index + 2 === floors.length ? names : `${names} and below`;
}

const limit = 900;
const markers = ["<!-- floors -->", "<!-- /floors -->"];
const remedy = "node toolchain/architecture.mjs --write";

/** Everything that is wrong with the text of ARCHITECTURE.md, a message each. */
export function documentProblems(text) {
  const words = text.split(/\s+/).filter((word) => word !== "").length;
  const long = `ARCHITECTURE.md has ${words} words, and at most ${limit} are read: move something to docs/design/`;
  const table = `the table of floors in ARCHITECTURE.md is not the one of toolchain/floors.mjs: ${remedy}`;
  const written = withTable(text);
  return [
    ...(words > limit ? [long] : []),
    ...(written === undefined ? [`ARCHITECTURE.md has no place for the table of floors: ${markers.join(" … ")}`] : []),
    ...(written !== undefined && written !== text ? [table] : []),
  ];
}

/** The text with the table as it is now; undefined if it has no place for one. */
export function withTable(text) {
  const [start, end] = markers.map((marker) => text.indexOf(marker));
  if (start < 0 || end < start) return undefined;
  return `${text.slice(0, start + markers[0].length)}\n${tableOf()}\n${text.slice(end)}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const document = join(checkout, "ARCHITECTURE.md");
  if (process.argv.includes("--write")) {
    const text = readFileSync(document, "utf8");
    writeFileSync(document, withTable(text) ?? text);
  }
  const problems = [...problemsOf(treeOf(checkout, outside)), ...documentProblems(readFileSync(document, "utf8"))];
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) process.exitCode = 1;
}
