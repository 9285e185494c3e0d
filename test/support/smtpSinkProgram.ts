import { randomBytes } from "node:crypto";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SMTPServer } from "smtp-server";

/** A server that takes all mail, and writes each into a folder as it came. Arguments: address, port, folder. */
const [address = "", port = "", folder = ""] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
let count = 0;
new SMTPServer({
  authOptional: true,
  disabledCommands: ["STARTTLS", "AUTH"],
  onData(stream, session, done) {
    const chunks: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("end", () => {
      count += 1;
      const from = session.envelope.mailFrom === false ? "" : session.envelope.mailFrom.address;
      const to = session.envelope.rcptTo.map((one) => one.address);
      const text = Buffer.concat(chunks).toString("utf8").replaceAll("\r\n", "\n");
      const temporary = join(folder, `.${randomBytes(4).toString("hex")}`);
      writeFileSync(temporary, JSON.stringify({ from, to, text }));
      renameSync(temporary, join(folder, `${`${count}`.padStart(4, "0")}.json`));
      done();
    });
  },
}).listen(Number(port), address, () => console.log("ready"));
