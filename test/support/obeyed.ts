/** What a terminal obeys or does not show in what was printed, save line breaks and tabs; by code, not by the pattern under test. */
export function obeyedIn(text: string): readonly string[] {
  const found = [...text].filter((one) => {
    const code = one.codePointAt(0) as number;
    if (one === "\n" || one === "\t") return false;
    return code < 0x20 || (code >= 0x7f && code <= 0x9f) || /[\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/.test(one);
  });
  return [...new Set(found)].map((one) => `U+${(one.codePointAt(0) as number).toString(16).padStart(4, "0")}`);
}
