import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Canaries, Kind } from "./secrets.js";

/** What a process is, by its command line: the first that fits. docs/security.md has the same names. */
const names: readonly (readonly [name: string, pattern: RegExp])[] = [
  ["pulumi", /^(\S*\/)?pulumi\0/],
  ["Pulumi's language host", /pulumi-language-nodejs/],
  [
    "the program (index.ts), started by Pulumi's language host",
    /@pulumi\/pulumi\/cmd\/run|\/toolchain\/launch\/sdk\.js/,
  ],
  ["a look at Node's version by the language host", /^\S*\/node\0--version/],
  ["the provider's launcher, a shell that drops the configuration", /^\/bin\/sh\0\S*\/pulumi-resource-pgsite\0/],
  ["the launcher's look at the configuration", /^node\0\S*\/provider\/lost\.js/],
  ["the provider", /^node\0\S*\/provider\/main\.js/],
  ["the command plugin", /pulumi-resource-command/],
  ["pgsite seed and pgsite start, in an up", /pgsite\.js\0(seed|start)/],
  ["pgsite, by hand", /pgsite\.js/],
  ["a command's shell", /^(\/bin\/)?sh\0-c\0(exec )?node pgsite\.js/],
];

/** A secret in a process: in its environment, or on its command line, which all users of the machine can read. */
export interface Shown {
  readonly where: "environment" | "command line";
  readonly process: string;
  readonly kind: Kind;
}

/** Looks at every process of this machine and of its namespaces' hosts, as fast as one can, until it is stopped. */
export class ProcessWatch {
  readonly #found = new Map<string, Shown>();
  readonly #looks = new Map<string, number>();
  samples = 0;
  seen = 0;
  #running = true;
  readonly #watching: Promise<void>;

  /** @param own whether a command line is the test's: of what it runs to look at servers */
  constructor(
    private readonly canaries: Canaries,
    private readonly own: (words: string) => boolean = () => false,
  ) {
    this.#watching = this.#watch();
  }

  get found(): readonly Shown[] {
    return [...this.#found.values()];
  }

  async stop(): Promise<void> {
    this.#running = false;
    await this.#watching;
  }

  async #watch(): Promise<void> {
    while (this.#running) {
      this.samples += 1;
      const ids = new Set(readdirSync("/proc").filter((name) => /^\d+$/.test(name)));
      for (const id of this.#looks.keys()) if (!ids.has(id)) this.#looks.delete(id);
      for (const id of ids) if (Number(id) !== process.pid) this.#look(id);
      await sleep(8);
    }
  }

  /** A new process soon becomes another program, and is looked at each time; an old one now and then, for its title. */
  #look(id: string): void {
    const looks = this.#looks.get(id) ?? 0;
    this.#looks.set(id, looks + 1);
    if (looks === 0) this.seen += 1;
    if (looks >= 6 && looks % 25 !== 0) return;
    const words = fileOf(id, "cmdline");
    // Without any it is a thread of the kernel's, or between two programs.
    if (words === "" || this.own(words)) return;
    this.#note("command line", words, words);
    this.#note("environment", words, fileOf(id, "environ"));
  }

  #note(where: Shown["where"], words: string, text: string): void {
    for (const kind of this.canaries.in(text)) {
      const known = names.find(([, pattern]) => pattern.test(words))?.[0];
      const process = known ?? words.replaceAll("\0", " ").slice(0, 200);
      this.#found.set(`${where} ${process} ${kind}`, { where, process, kind });
    }
  }
}

function fileOf(id: string, name: "cmdline" | "environ"): string {
  try {
    return readFileSync(`/proc/${id}/${name}`, "latin1");
  } catch {
    return ""; // It has ended meanwhile.
  }
}
