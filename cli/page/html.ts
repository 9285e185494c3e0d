import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { withUnicodeEscapes } from "../../postgres/printable.js";
import { mask } from "../../postgres/secrets/index.js";
import { withoutSecrets } from "../../postgres/secrets/text.js";
import type { PageReport } from "../../servers/page/model.js";
import { checkout } from "../../toolchain/paths.mjs";

/** The page as it is built, before it has data: `page/`, built by toolchain/build.mjs. */
export interface PageParts {
  /** Text of an HTML document with the places `{{live}}`, `{{policy}}`, `{{style}}`, `{{data}}` and `{{script}}`, in this order. */
  readonly template: string;
  readonly style: string;
  readonly script: string;
}

/** @throws where it is not built */
export async function readParts(folder = join(checkout, "dist", "page")): Promise<PageParts> {
  const read = async (name: string) => {
    return readFile(join(folder, name), "utf8").catch(() => {
      throw new Error(`there is no ${join(folder, name)}: npm run build makes it`);
    });
  };
  const [template, style, script] = await Promise.all(["template.html", "page.css", "page.js"].map(read));
  return { template: template as string, style: style as string, script: script as string };
}

/** The shortest secret that is looked for in everything: what is as short may stand for something else. */
const shortest = 8;

/** What programs go by, and names: a password that is a plain word stands for itself there. */
const plainKeys = new Set([
  ...["stack", "site", "name", "server", "from", "seenBy", "host", "role", "state"],
  ...["code", "condition", "kind", "by", "result", "outcome"],
]);

/**
 * A report as JSON for a browser. Whatever a host, a server or a stranger wrote passes here once more: what looks like a secret,
 * and each of these secrets, is masked. No `<`, `>`, `&` or line separator is left, so that it can neither end the element that
 * it stands in nor begin another.
 */
export function dataOf(report: PageReport, secrets: readonly string[] = []): string {
  const known = [...new Set(secrets)].filter(({ length }) => length >= shortest).sort((a, b) => b.length - a.length);
  const shown = (key: string, text: string) => {
    const rest = withoutSecrets(text);
    return plainKeys.has(key) ? rest : known.reduce((left, one) => left.replaceAll(one, mask), rest);
  };
  const json = JSON.stringify(report, (key, value) => (typeof value === "string" ? shown(key, value) : value));
  return withUnicodeEscapes(json, "JSON").replace(/[<>&]/g, (one) => `\\u00${one.charCodeAt(0).toString(16)}`);
}

/** What the page may do: run its own script, show its own style and icon; where it is served, ask for its report. Nothing else. */
export function policyOf({ style, script }: Pick<PageParts, "style" | "script">, live: boolean): string {
  return [
    "default-src 'none'",
    `script-src ${hashOf(script)}`,
    `style-src ${hashOf(style)}`,
    "img-src data:",
    ...(live ? ["connect-src 'self'"] : []),
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
}

function hashOf(text: string): string {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}

const places = /\{\{(live|policy|style|data|script)\}\}/;

/** The whole document. @param data of `dataOf` @param live whether it is served, and may ask for its data anew */
export function renderPage(parts: PageParts, data: string, live: boolean): string {
  const { template, style, script } = parts;
  // Within an element of style or script its own end tag alone counts, whatever is around it.
  if (/<\/style/i.test(style) || /<\/script|<!--/i.test(script)) {
    throw new Error("the page's own script or style ends its element");
  }
  const policy = policyOf(parts, live);
  const values: Readonly<Record<string, string>> = { live: live ? " data-live" : "", policy, style, data, script };
  // Split, so that nothing of what is put in is taken for a place.
  const pieces = template.split(places);
  const named = pieces.filter((_, index) => index % 2 === 1);
  if (named.join() !== Object.keys(values).join()) {
    throw new Error(`the page's template has other places than ${Object.keys(values).join(", ")}: ${named.join(", ")}`);
  }
  return pieces.map((piece, index) => (index % 2 === 1 ? (values[piece] as string) : piece)).join("");
}
