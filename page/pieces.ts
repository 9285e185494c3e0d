import type { Mark } from "./judge.js";
import type { ServerView } from "./sites.js";

/** A piece of a sentence: words, a moment, or a link to a thing of the page. */
export type Piece = string | { readonly at: string } | { readonly go: string; readonly text: string };

export type Pieces = readonly Piece[];

/** What an administrator asks first, answered. `more`: one line each. */
export interface Answer {
  readonly question: string;
  readonly mark: Mark;
  readonly says: Pieces;
  readonly more: readonly Pieces[];
}

export const link = ({ id, data }: ServerView): Piece => ({ go: id, text: data.name });

/** Links with words between them. */
export function list(servers: readonly ServerView[]): Pieces {
  return servers.flatMap((server, index) => {
    const between = index === 0 ? [] : [index === servers.length - 1 ? " and " : ", "];
    return [...between, link(server)];
  });
}

/** The first `most` lines and a link to where the others are, or all. */
export function few(lines: readonly Pieces[], rest: { readonly go: string; readonly text: string }, most = 6) {
  if (lines.length <= most + 1) return lines;
  return [...lines.slice(0, most), ["and ", { go: rest.go, text: `${lines.length - most} ${rest.text}` }]];
}
