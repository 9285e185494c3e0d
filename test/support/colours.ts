/** A text without the colours that we paint with, and those alone: what else a terminal obeys stays in it. */
export function withoutColours(text: string): string {
  const ours = [1, 2, 22, 31, 33, 39];
  return ours.reduce((left, code) => left.replaceAll(`\u001b[${code}m`, ""), text);
}
