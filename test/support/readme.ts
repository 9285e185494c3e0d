import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Server } from "../../config/site.js";
import { hostOf } from "../../hosts/index.js";

/** What the README of kept data says to type, block by block, to the letter. */
function blocksOf(kept: string): readonly string[] {
  const lines = readFileSync(join(kept, "README.pgsite"), "utf8").split("\n");
  const blocks: string[][] = [[]];
  for (const line of lines) {
    if (line.startsWith("  ")) blocks.at(-1)?.push(line.slice(2));
    else if (blocks.at(-1)?.length !== 0) blocks.push([]);
  }
  return blocks.map((block) => block.join("\n")).filter((block) => block !== "");
}

/** Looks into kept data as their README says, as the servers' OS user. @returns the rows of what is asked, by `|` */
export async function lookByReadme({ host: spec }: Server, kept: string, ...sql: string[]): Promise<readonly string[]> {
  const [start = "false", end = "false"] = blocksOf(kept);
  const host = hostOf(spec);
  const typed = async (text: string, input: string) => {
    const { code, stdout, stderr } = await host.run(["sh", "-c", text], { input, timeout: 60_000 });
    if (code !== 0 || /ERROR|FATAL|PANIC/.test(stderr)) throw new Error(`${text}\n${stdout}\n${stderr}`);
    return stdout;
  };
  const marker = "what was asked:";
  const asking = ["\\pset format unaligned", "\\pset tuples_only on", ...sql.slice(0, -1), `\\echo ${marker}`];
  let said = "";
  try {
    said = await typed(start, `${[...asking, sql.at(-1)].join(";\n").replaceAll(/^(\\.*);$/gm, "$1")};\n`);
  } finally {
    await typed(end, "");
  }
  return (said.split(`${marker}\n`)[1] ?? "").split("\n").filter((line) => line !== "");
}
