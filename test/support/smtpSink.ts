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

/** A mail server on the machine that runs Pulumi in a test of several hosts; their dma (dma(8)) hands it all mail. */
export class SmtpSink {
  private constructor(
    private readonly child: ChildProcess,
    private readonly folder: string,
  ) {}

  static async on(net: MultiHost): Promise<SmtpSink> {
    const folder = mkdtempSync("/tmp/pgsite-smtp-");
    const program = await bundled("smtpSinkProgram", folder);
    const [command = "", ...args] = net.control.argv([
      process.execPath,
      program,
      net.control.address,
      `${port}`,
      folder,
    ]);
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
    const sink = new SmtpSink(child, folder);
    await new Promise<void>((resolve, reject) => {
      createInterface({ input: child.stdout as NonNullable<ChildProcess["stdout"]> }).once("line", () => resolve());
      child.once("exit", (code) => reject(new Error(`the mail server ended with status ${code}`)));
    });
    for (const host of net.hosts) await deliver(host, net.control.address);
    return sink;
  }

  /** All mails that came, the first first. */
  get mails(): readonly Mail[] {
    const names = readdirSync(this.folder).filter((name) => /^\d+\.json$/.test(name));
    return names.sort().map((name) => parsed(readFileSync(join(this.folder, name), "utf8")));
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.child.once("exit", resolve));
    this.child.kill();
    await ended;
    rmSync(this.folder, { recursive: true, force: true });
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
