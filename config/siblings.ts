import { error, type Problem } from "../postgres/problem.js";
import { parseStack } from "./parse.js";
import type { StackDescription } from "./schema.js";

/** Another stack file of the same project. */
export interface Sibling {
  readonly stack: string;
  readonly text: string;
}

/**
 * Whether two stack files of a project describe one site, of which one says that its database exists once. Of files that cannot be
 * read nothing is said: whoever checks them says it.
 */
export async function checkSiblings(own: StackDescription, siblings: readonly Sibling[]): Promise<readonly Problem[]> {
  const { site, standalone } = own;
  // Reading a stack file takes a while, and most have nothing to do with this one.
  const near = siblings.filter(({ text }) => text.includes(site) && (standalone !== undefined || text.includes(key)));
  if (near.length === 0) return [];
  const { readStackText } = await import("./file.js");
  return near.flatMap(({ stack, text }) => {
    const other = described(readStackText, text);
    if (other?.site !== site || (standalone ?? other.standalone) === undefined) return [];
    const [here, there] = [own, other].map(serversIn);
    const message = `${here} is of the site ${site} here, and ${there} in Pulumi.${stack}.yaml; ${standalone ?? other.standalone} is standalone: its database exists once. Take one of the two away, or give it a site of its own`;
    return [error("site", message)];
  });
}

const key = "standalone";

function described(
  read: (project: string, text: string) => { readonly raw: Readonly<Record<string, string>> },
  text: string,
) {
  try {
    return parseStack(read("pgsite", text).raw).description;
  } catch {
    return undefined;
  }
}

function serversIn({ servers }: StackDescription): string {
  return Object.keys(servers).join(", ");
}
