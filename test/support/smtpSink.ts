import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { bundled } from "./bundled.js";
import type { HostMachine, MultiHost } from "./multihost.js";

/** A mail as it arrived. */
export interface Mail {
  /** Of the envelope. */
  readonly from: string;
  readonly to: readonly string[];
  readonly subject: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const folder = "/tmp/mails";

/** A mail server on a host of a test: dma (dma(8)) of the others hands it all mail. */
export class SmtpSink {
  private constructor(
    private readonly child: ChildProcess,
    private readonly at: HostMachine,
  ) {}

  /** @param at where nothing else of the test is */
  static async on(net: MultiHost, at: HostMachine): Promise<SmtpSink> {
    const built = mkdtempSync("/tmp/pgsite-smtp-");
    try {
      const program = readFileSync(await bundled("smtpSinkProgram", built));
      const [command = "", ...args] = at.argv([process.execPath, "-", at.address, `${port}`, folder]);
      const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
      child.stdin.end(program);
      await new Promise<void>((resolve, reject) => {
        createInterface({ input: child.stdout }).once("line", () => resolve());
        child.once("exit", (code) => reject(new Error(`the mail server ended with status ${code}`)));
      });
      for (const host of net.hosts) await deliver(host, at.address);
      return new SmtpSink(child, at);
    } finally {
      rmSync(built, { recursive: true, force: true });
    }
  }

  /** All mails that came, the first first. */
  get mails(): readonly Mail[] {
    const seen = `/proc/${this.at.pid}/root${folder}`;
    const names = readdirSync(seen).filter((name) => /^\d+\.json$/.test(name));
    return names.sort().map((name) => parsed(readFileSync(join(seen, name), "utf8")));
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.child.once("exit", resolve));
    this.child.kill();
    await ended;
  }
}

const port = 2525;

/** Has a host's dma give its mail to the sink, and makes /etc/aliases as a distribution has it. */
async function deliver(host: HostMachine, address: string): Promise<void> {
  const script = `printf 'SMARTHOST %s\\nPORT %s\\nALIASES /etc/aliases\\nSPOOLDIR /var/spool/dma\\nMAILNAME %s\\n' "$1" "$2" "$3" >/etc/dma/dma.conf
install -d -o root -g mail -m 2775 /var/spool/dma
printf '# See man 5 aliases for format\\npostmaster:    root\\n' >/etc/aliases`;
  await host.must(["sh", "-c", script, "sh", address, `${port}`, `${host.name}.example.org`]);
}

function parsed(text: string): Mail {
  const { from, to, text: mail } = JSON.parse(text) as { from: string; to: string[]; text: string };
  const end = mail.indexOf("\n\n");
  const lines = mail
    .slice(0, end)
    .replaceAll(/\n[ \t]+/g, " ")
    .split("\n");
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()]),
  );
  return { from, to, subject: headers.Subject ?? "", headers, body: mail.slice(end + 2) };
}
