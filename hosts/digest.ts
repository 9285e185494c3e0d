import { createHash } from "node:crypto";

/** What stands for a file's content where the content itself would be too much: 16 hexadecimal digits of its SHA-256. */
export function hashOf(content: string): string {
  return createHash("sha256").update(content).digest("hex").slice(0, 16);
}
