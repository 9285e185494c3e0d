import { writeFileSync } from "node:fs";
import { Writer } from "./writer.js";

/**
 * A writer as a program of its own, for a host of a test: ADDRESS PORT USER DATABASE FILE; the password is the first line of
 * standard input, whose end ends it. Then FILE has what was acknowledged.
 */
const [address = "", port = "", user = "", database = "", file = ""] = process.argv.slice(2);

async function main(): Promise<void> {
  let heard = "";
  const password = await new Promise<string>((resolve) => {
    process.stdin.setEncoding("utf8").on("data", (text: string) => {
      heard += text;
      const [line = "", ...more] = heard.split("\n");
      if (more.length > 0) resolve(line);
    });
  });
  const ended = new Promise((resolve) => process.stdin.once("end", resolve));
  const places = [{ address, port: Number(port) }];
  const writer = await Writer.start(places, { user, password }, { database, pause: 2, patience: 5000 });
  process.stdout.write("ready\n");
  await ended;
  await writer.until(5);
  await writer.stop();
  const { acknowledged, longestGap } = writer;
  writeFileSync(file, JSON.stringify({ acknowledged, longestGap }));
}

main().catch((error: Error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exitCode = 1;
});
