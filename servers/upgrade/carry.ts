import { quoteAll } from "../../hosts/quote.js";
import { flow, speaking, spoken } from "../archive/pipeline.js";
import { type PrivateServer, surroundings, type Workplace } from "./private.js";
import { tail } from "./said.js";

/** A private server, and where it and the programs that work on it are. */
export interface End {
  readonly at: Workplace;
  readonly server: PrivateServer;
}

/** A program for a message, and the line of shell that runs it. */
export interface Piece {
  readonly name: string;
  readonly line: string;
}

const day = 24 * 3600_000;

/**
 * What a program at one end writes is read by one at the other: by a pipe where both are in one working folder, else from host to
 * host through us, and never by a file. @param mark a name that nobody else has at the same time @throws where either fails
 */
export async function carry(from: End, to: End, one: Piece, other: Piece, mark: string): Promise<void> {
  if (from.at === to.at) return piped(from, one, other, mark);
  const { host, work, signal } = to.at;
  await flow({
    input: "",
    source: { host: from.at.host, script: staged(from, one), args: [from.at.work] },
    target: { host, script: staged(to, other), args: [work] },
    directories: { controlDirectory: work },
    onLine: () => undefined,
    signal,
  });
}

async function piped({ at, server }: End, one: Piece, other: Piece, name: string): Promise<void> {
  const mark = quoteAll([`${at.work}/${name}`]);
  const script = [
    ...head,
    `rm -f ${mark}`,
    `{ { ${one.line}\n} && : >${mark}; } | {\n${other.line}\n} || exit 1`,
    `[ -e ${mark} ]`,
  ].join("\n");
  // A single argument is not as long as the names of thousands of tables are. What it runs is not to read the rest of it.
  const input = `{\n${script}\n} </dev/null\n`;
  const given = { cwd: at.work, env: surroundings(server), input, timeout: 14 * day, signal: at.signal };
  const { code, stdout, stderr } = await at.host.run(["sh", "-s"], given);
  at.signal.throwIfAborted();
  if (code !== 0) throw new Error(tail(stderr || stdout));
}

/** A quoted word has its line breaks as `$nl`. */
const head = ["nl='", "'", "umask 077"];

/** In its working folder, by which whoever comes later finds what is left of it. */
function staged({ server }: End, { name, line }: Piece): string {
  const words = Object.entries(surroundings(server)).map(([key, value]) => `${key}=${quoteAll([value])}`);
  return [...head, 'cd -- "$1" || exit', `export ${words.join(" ")}`, speaking, spoken(name, `{ ${line}\n}`)].join(
    "\n",
  );
}
