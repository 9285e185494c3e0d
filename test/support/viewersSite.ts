import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { checkout } from "../../toolchain/paths.mjs";
import type { HostMachine } from "./multihost.js";
import { whyNoHosts } from "./multihost.js";
import { type Change, RemoteSite, whyNoSite } from "./remoteSite.js";

export const www = "/usr/remote/software/www";
export const products = "/usr/remote/software/products";
export const webLogs = "/data_local/web_logs";
export const modules = "/usr/lib/apache2/modules";

/** Why a test can have no viewers here; undefined where it can. */
export function whyNoViewers(): string | undefined {
  return (
    whyNoSite() ??
    whyNoHosts([
      "/usr/sbin/cron",
      "/usr/sbin/apache2",
      `${modules}/mod_wsgi.so`,
      `${modules}/mod_python.so`,
      "/usr/bin/python3",
    ])
  );
}

/** The guide's applications, each with the configuration that it reads and how it does. */
const applications = {
  TV: { configuration: "des_tv.cfg", source: "keeping.wsgi" },
  ConstantsDB: { configuration: "constants.cfg", source: "fresh.wsgi" },
  QE: { configuration: "constants.cfg", source: "keeping.wsgi" },
  AV: { configuration: "des_alarms.cfg", source: "fresh.wsgi" },
  ECL: { configuration: "constants.cfg", source: "ECL.py" },
} as const;
export const applicationNames = Object.keys(applications) as readonly (keyof typeof applications)[];

/** What the client of `client.mjs` says of a request. */
export interface Asked {
  readonly name: string;
  readonly asked: number;
  readonly answered: number;
  /** Why the first try gave nothing. */
  readonly failed?: string;
  /** Why the second gave nothing either. */
  readonly lost?: string;
  /** Address of the server that answered. */
  readonly server?: string;
  readonly standby?: boolean;
  readonly process?: number;
}

/** The committed ctio stack on hosts of a test, with Debian's Apache on system1 and five real applications. */
export class ViewersSite {
  private constructor(
    readonly site: RemoteSite,
    readonly password: string,
  ) {}

  static async make(): Promise<ViewersSite> {
    const password = `vw${Math.random().toString(36).slice(2)}`;
    const site = await RemoteSite.make({
      stacks: ["ctio"],
      viewers: true,
      passwords: { viewer: password },
      changes: changes(),
    });
    const made = new ViewersSite(site, password);
    try {
      await made.#prepare();
      return made;
    } catch (error) {
      await made.remove();
      throw error;
    }
  }

  get host(): HostMachine {
    return this.site.host("system1");
  }

  /** As root on system1. */
  shell(script: string): Promise<string> {
    return this.host.must(["sh", "-c", script], { seconds: 60 });
  }

  /** As codemanager, with its status. */
  asOwner(command: string) {
    return this.host.run(["su", "-s", "/bin/sh", "-c", command, "codemanager"], { seconds: 90 });
  }

  /** What an application answers, once. */
  async get(name: string): Promise<Asked> {
    const run = this.ask([name], 50);
    const [first] = await run.until((all) => all.length > 0);
    await run.end();
    return first as Asked;
  }

  /** Has the client ask these applications all the time, from another host. */
  ask(names: readonly string[] = applicationNames, milliseconds = 150): Client {
    const url = `http://${this.host.address}:8080`;
    const argv = [
      process.execPath,
      join(checkout, "test/support/viewers/client.mjs"),
      url,
      `${milliseconds}`,
      ...names,
    ];
    return new Client(this.site.host("client").argv(argv));
  }

  addressOf(server: string): string {
    return this.site.host(server).address;
  }

  /** The status that httpd answers a path with, asked on its own host. */
  async status(path: string): Promise<number> {
    const program = `import sys, urllib.request, urllib.error
try: print(urllib.request.urlopen(sys.argv[1]).status)
except urllib.error.HTTPError as error: print(error.code)`;
    return Number(await this.host.must(["python3", "-c", program, `http://127.0.0.1:8080${path}`]));
  }

  /** Where a link in html/cfg leads. */
  async linked(name: string): Promise<string> {
    return (await this.shell(`readlink ${www}/html/cfg/${name}`)).trim();
  }

  /** The process of httpd, and when it started: another one, or another generation, tells of a restart. */
  async httpd(): Promise<string> {
    return this.shell(`cat ${webLogs}/httpd.pid; grep -c resuming ${webLogs}/error_log || true`);
  }

  async remove(): Promise<void> {
    await this.site.remove();
  }

  /** What an administrator has on system1 before pgsite comes: the user, the folders, the products. */
  async #prepare(): Promise<void> {
    const source = (name: string) => readFileSync(join(checkout, "test/support/viewers", name), "utf8");
    const own = "install -o codemanager -g codemanager -m 755";
    // What starts httpd with its machine.
    await this.host.must(["cron"]);
    await this.shell(`set -e
useradd --create-home --shell /bin/sh codemanager
echo 'admin ALL=(codemanager, root) NOPASSWD: /bin/sh' >/etc/sudoers.d/pgsite
${own} -d /usr/remote/software ${www} ${products} ${products}/common /data_local ${webLogs}`);
    await this.#write(`${products}/common/common.py`, source("common.py"));
    for (const [name, { configuration, source: file }] of Object.entries(applications)) {
      const text = source(file).replaceAll("CONFIGURATION", configuration);
      const script = file === "ECL.py" ? "ECL.py" : `wsgi/${name}.wsgi`;
      await this.shell(`${own} -d ${products}/${name} ${products}/${name}/v1 ${products}/${name}/v1/wsgi`);
      await this.#write(`${products}/${name}/v1/${script}`, text);
    }
  }

  async #write(path: string, content: string): Promise<void> {
    await this.host.must(["sh", "-c", 'cat >"$1" && chown codemanager:codemanager "$1"', "sh", path], {
      input: content,
    });
  }
}

/** What a stack of the test says otherwise than the committed one: Debian's Apache, versions, and as whom the applications log in. */
export function changes(more: Readonly<Record<string, unknown>> = {}): Change[] {
  const reads = { database: "postgres", role: "viewer", options: { connect_timeout: 3 } };
  const described = Object.entries(applications).map(([name, { configuration, source }]) => [
    name,
    {
      kind: source === "ECL.py" ? "mod_python" : "wsgi",
      version: "v1",
      configuration,
      ...(name === "QE" || name === "ECL" ? { link: false } : {}),
    },
  ]);
  return [
    [["roles"], { viewer: {} }],
    [["access"], ["host all all 139.229.14.0/25 md5", "host postgres viewer samenet md5"]],
    [
      ["viewers"],
      {
        host: "system1",
        user: "codemanager",
        httpd: { version: "2.4", program: "/usr/sbin/apache2", modules, port: 8080 },
        applications: Object.fromEntries(described),
        configurations: Object.fromEntries(
          ["constants.cfg", "des_alarms.cfg", "des_tv.cfg"].map((name) => [name, reads]),
        ),
        ...more,
      },
    ],
  ];
}

/** The running client. */
export class Client {
  readonly asked: Asked[] = [];
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;

  constructor([program, ...args]: readonly string[]) {
    this.#child = spawn(program as string, args, { stdio: ["pipe", "pipe", "inherit"] });
    createInterface({ input: this.#child.stdout as NodeJS.ReadableStream }).on("line", (line) => {
      this.asked.push(JSON.parse(line) as Asked);
    });
    this.#ended = new Promise((resolve) => this.#child.once("close", resolve));
  }

  /** Waits for a time in which it is so. */
  async until(is: (asked: readonly Asked[]) => boolean, seconds = 30): Promise<readonly Asked[]> {
    for (const end = Date.now() + seconds * 1000; Date.now() < end; ) {
      if (is(this.asked)) return this.asked;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`the client has not got there: ${JSON.stringify(this.asked.slice(-10))}`);
  }

  /** Asks no more, and waits for what is asked already, tries again included. */
  async end(): Promise<readonly Asked[]> {
    this.#child.stdin?.end();
    await this.#ended;
    return this.asked;
  }
}

/** Between the first request that failed and the first after it that was answered at once, in seconds. */
export function window(asked: readonly Asked[]): number {
  const failed = asked.filter(({ failed }) => failed !== undefined).map((one) => one.asked);
  return failed.length === 0 ? 0 : (Math.max(...failed) - Math.min(...failed)) / 1000;
}
