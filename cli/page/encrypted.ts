import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { isMap, isScalar, parseDocument, visit } from "yaml";

/**
 * Lower-case names of settings whose values the stack file has encrypted, wherever in it they stand: whoever did that said that they
 * are secrets, also where nothing of PostgreSQL's tells. `all` where the settings as a whole are.
 */
export async function encryptedSettings(project: string, stack: string): Promise<ReadonlySet<string> | "all"> {
  return encryptedIn(await readFile(join(project, `Pulumi.${stack}.yaml`), "utf8").catch(() => ""));
}

export function encryptedIn(text: string): ReadonlySet<string> | "all" {
  const names = new Set<string>();
  let all = false;
  visit(parseDocument(text), {
    Pair(_, pair, path) {
      if (!isMap(pair.value) || !pair.value.has("secure") || pair.value.items.length !== 1) return;
      const keys = [...path, pair].flatMap((one) => {
        const key = (one as { readonly key?: unknown }).key;
        return isScalar(key) ? [`${key.value}`] : [];
      });
      const at = keys.findIndex((key) => /^(pgsite:)?settings$/.test(key));
      const last = keys.at(-1) as string;
      if (at < 0) all ||= last === "pgsite:servers";
      else if (at === keys.length - 1) all = true;
      else names.add((keys[at + 1] as string).toLowerCase());
    },
  });
  return all ? "all" : names;
}
