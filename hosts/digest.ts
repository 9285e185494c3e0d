import { createHash } from "node:crypto";

/** What stands for a file's content where the content itself would be too much: 16 hexadecimal digits of its SHA-256. */
export function hashOf(content: string): string {
  return shortOf(createHash("sha256").update(content).digest("hex"));
}

/** The same of a SHA-256 that another program has made. */
export function shortOf(sha256: string): string {
  return sha256.slice(0, 16);
}
