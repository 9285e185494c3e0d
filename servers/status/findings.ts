import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { withoutSecrets } from "../../postgres/secrets/text.js";
import type { Finding, NotKnown } from "./report.js";

/** What the provider writes for `pgsite drift`: that it does so, and then what each resource found. */
export type FindingRecord = { readonly begun: typeof format } | ({ readonly urn: string } & Finding);

/** Rises when the records change, so that a reader tells what another build wrote from what it knows. */
export const format = 1;

/** Names the file in the environment of whoever is to write records. It is there, and nobody else's. */
export const findingsFile = "PGSITE_FINDINGS";

/** Names of the errors by which hosts and servers cannot be reached. */
const codes: Readonly<{ [name: string]: NotKnown["code"] }> = { HostUnreachable: "host", SqlUnreachable: "SQL" };

export function codeOf(error: unknown): NotKnown["code"] {
  return (error instanceof Error ? codes[error.name] : undefined) ?? "other";
}

/**
 * Adds a record to the file, whole or not at all: several processes write, each line by one call at the file's end.
 * @throws where it cannot be written: whoever reads the file must not take silence for "no difference"
 */
export async function record(path: string, one: FindingRecord): Promise<void> {
  const masked = JSON.stringify(one, (_, value) => (typeof value === "string" ? withoutSecrets(value) : value));
  const line = Buffer.from(`${masked}\n`);
  try {
    const file = await open(path, constants.O_WRONLY | constants.O_APPEND | constants.O_NOFOLLOW);
    try {
      const { bytesWritten } = await file.write(line);
      if (bytesWritten < line.length) throw new Error(`only ${bytesWritten} of ${line.length} bytes fit`);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw new Error(
      `what is found cannot be written down in ${path} (${findingsFile}): ${error instanceof Error ? error.message : error}`,
    );
  }
}
