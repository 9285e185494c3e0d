import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type FindingRecord, findingsFile, format } from "../../servers/status/findings.js";
import type { Finding } from "../../servers/status/report.js";
import { notOurs } from "../../toolchain/ownFolder.mjs";

/** What a resource found. */
export type Told = { readonly urn: string } & Finding;

export type Read = { readonly told: readonly Told[] } | { readonly failure: string };

/**
 * Runs `act` with the environment by which the provider, a process of Pulumi's, writes down what its resources find, and
 * reads that afterwards. The engine hands on words alone, which no program is to read. What is written has no secret; its
 * folder is ours all the same, so that nobody else can put words into the provider's mouth.
 * @throws where there is no such folder to be had
 */
export async function withFindings<T>(
  act: (env: Readonly<Record<string, string>>) => Promise<T>,
): Promise<{ readonly result: T; readonly read: Read }> {
  const folder = await mkdtemp(join(tmpdir(), "pgsite-drift-"));
  try {
    const why = notOurs(folder);
    if (why !== undefined) throw new Error(`${folder} is not used: ${why}`);
    const file = join(folder, "findings");
    await writeFile(file, "", { mode: 0o600, flag: "wx" });
    const result = await act({ [findingsFile]: file });
    const read = await readFile(file, "utf8").then(findingsIn, (error: Error) => ({ failure: error.message }));
    return { result, read };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The records of a file. Nobody's silence is an answer: without a provider that said it would write, nothing is known. */
export function findingsIn(text: string): Read {
  const lines: FindingRecord[] = [];
  for (const line of text.split("\n").filter((one) => one !== "")) {
    try {
      lines.push(JSON.parse(line) as FindingRecord);
    } catch {
      return { failure: "the provider was cut off while it wrote down what it found: run it again" };
    }
  }
  const begun = lines.flatMap((line) => ("begun" in line ? [line.begun] : []));
  if (begun.length === 0 || begun.some((one) => one !== format)) {
    return {
      failure:
        "the provider that Pulumi ran is not of this build, and does not say what it found: npm run build, or call the pgsite of the project's own checkout",
    };
  }
  return { told: lines.flatMap((line) => ("begun" in line ? [] : [line])) };
}
