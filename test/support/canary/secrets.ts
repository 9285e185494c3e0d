import { createHash, randomBytes } from "node:crypto";

/** The kinds of secret that docs/security.md tells apart. */
export const kinds = [
  "passphrase",
  "administrator's password",
  "replication password",
  "role's password",
  "hand-written password",
  "verifier",
  "server's key",
  "authority's key",
  "ssh key",
] as const;
export type Kind = (typeof kinds)[number];

/** A text that stands nowhere else: letters and digits, so that no syntax on its way changes it. */
export function canary(of: string): string {
  return `zq${randomBytes(9).toString("hex")}${of}`;
}

/** Everything that is looked for: secrets, and what they become on their way, by kind. */
export class Canaries {
  readonly #kinds = new Map<string, Kind>();

  /** A secret in all forms in which it would still be one. @param text of letters and digits, or its longest run of these counts */
  add(kind: Kind, text: string): void {
    const core = text.match(/[A-Za-z0-9+/]{12,}/g)?.sort((a, b) => b.length - a.length)[0];
    if (core === undefined) throw new Error("a canary has twelve letters and digits in a row");
    const bytes = Buffer.from(core);
    const hex = bytes.toString("hex");
    // In base64 a text looks otherwise by where it begins among three bytes; its ends depend on what stands beside it.
    const base64 = [0, 1, 2].map((before) =>
      Buffer.concat([Buffer.alloc(before), bytes])
        .toString("base64")
        .replace(/=+$/, "")
        .slice(before + 1, -2),
    );
    for (const form of [core, hex, hex.toUpperCase(), encodeURIComponent(core), ...base64]) this.#kinds.set(form, kind);
  }

  /** A role's password, and the verifier that servers before 10 take in its place. */
  addPassword(kind: Kind, role: string, password: string): void {
    this.add(kind, password);
    this.add("verifier", createHash("md5").update(`${password}${role}`).digest("hex"));
  }

  /** Each line of what a private key is made of. */
  addKey(kind: Kind, pem: string): void {
    const lines = pem.split("\n").filter((line) => line.length >= 40 && !line.startsWith("-----"));
    // An OpenSSH key begins with a line that names its kind, and is the same in all of them.
    for (const line of pem.includes("OPENSSH") ? lines.slice(2) : lines) this.add(kind, line);
  }

  /** All that is looked for. */
  get forms(): readonly string[] {
    return [...this.#kinds.keys()];
  }

  kindOf(form: string): Kind {
    const kind = this.#kinds.get(form);
    if (kind === undefined) throw new Error("found what was not looked for");
    return kind;
  }

  /** The kinds that a text shows. */
  in(text: string): readonly Kind[] {
    return [...new Set([...this.#kinds].flatMap(([form, kind]) => (text.includes(form) ? [kind] : [])))];
  }

  /** What stands around the first secret in a text, for a message. */
  around(text: string): string {
    const at = Math.min(...this.forms.map((form) => text.indexOf(form)).filter((index) => index >= 0));
    return Number.isFinite(at) ? text.slice(Math.max(0, at - 300), at + 60) : "";
  }
}
