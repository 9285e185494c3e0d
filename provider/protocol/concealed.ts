import { maskedAt, type Span, unmasked } from "../../postgres/secrets/index.js";
import { mapTexts, type Path, type Properties } from "./wire.js";

/**
 * Secrets within texts that are shown line by line: a password in a file that somebody wrote by hand. The state has a mask
 * in their place, and what the masks stand for in one more property, a Pulumi secret: so a changed one is a difference, what an
 * `up` writes can travel through the state, and who reads that without the stack's passphrase has nothing to guess by,
 * as he would have with a digest.
 */
export const concealedIn = "secrets";

/** Where the secrets are in a text at a place in the state. */
export type SpansAt = (path: Path, text: string) => readonly Span[];

/** Masks the secrets of all texts. */
export function conceal(properties: Properties, spansAt: SpansAt): Properties {
  const secrets: Record<string, readonly string[]> = {};
  const shown = mapTexts(properties, (text, path) => {
    const masked = maskedAt(text, spansAt(path, text));
    if (masked.secrets.length === 0) return text;
    secrets[JSON.stringify(path)] = masked.secrets;
    return masked.text;
  });
  const sorted = Object.entries(secrets).sort(([left], [right]) => (left < right ? -1 : 1));
  return sorted.length === 0 ? shown : { ...shown, [concealedIn]: JSON.stringify(Object.fromEntries(sorted)) };
}

/** The reverse of `conceal`. */
export function reveal({ [concealedIn]: concealed, ...properties }: Properties): Properties {
  if (typeof concealed !== "string") return properties;
  const secrets = JSON.parse(concealed) as Readonly<Record<string, readonly string[]>>;
  return mapTexts(properties, (text, path) => {
    const own = secrets[JSON.stringify(path)];
    return own === undefined ? text : unmasked(text, own);
  });
}
