import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { resolveStack } from "../../config/resolve.js";
import { runbookFacts } from "../../installed/runbook/facts.js";
import { programs, type RunbookFacts, renderRunbook, shared } from "../../installed/runbook/render.js";
import { renderPassfile } from "../../postgres/files/passfile.js";
import { checkout } from "../../toolchain/paths.mjs";

/** The system identifier of the data that the guard looks after. */
export const ownSystem = "7300000000000000001";

export interface GuardOptions {
  /** Folder with the psql that it asks by. */
  readonly programs?: string;
  /** Address of its one peer. */
  readonly peer?: string;
  /** @default 15 */
  readonly version?: string;
  readonly tls?: boolean;
  readonly access?: readonly string[];
  /** Programs that its host does not have; `psql` is looked for in `programs` too. @default it has all */
  readonly without?: readonly string[];
  /** @default none */
  readonly words?: readonly string[];
  /** In its environment. @default none */
  readonly given?: Readonly<Record<string, string>>;
  /** What is to be done to its files before it is asked. */
  readonly prepare?: (facts: RunbookFacts) => void;
}

/** What a primary's guard says on timeline 1, with a passfile and no server; a control file is all that there is of its data. */
export async function guardAmong(options: GuardOptions): Promise<{ readonly code: number; readonly said: string }> {
  const folder = mkdtempSync(join(tmpdir(), "pgsite-guard-"));
  try {
    const facts = { ...factsOf(options, folder), user: userInfo().username };
    const runbook = join(facts.controlDirectory, "runbook");
    mkdirSync(runbook, { recursive: true });
    mkdirSync(join(facts.dataDirectory, "global"), { recursive: true });
    mkdirSync(join(facts.dataDirectory, "pg_wal"));
    for (const name of [...shared, ...programs])
      copyFileSync(join(checkout, "installed", "runbook", name), join(runbook, name));
    for (const [name, text] of Object.entries(renderRunbook(facts))) writeFileSync(join(runbook, name), text);
    const entry = { host: options.peer ?? "", port: 5442, database: "*", user: "replicator", password: "repl1cator" };
    writeFileSync(facts.passfile, renderPassfile([entry]), { mode: 0o600 });
    writeFileSync(join(facts.controlDirectory, "authorities.crt"), "");
    writeFileSync(join(facts.dataDirectory, "global/pg_control"), controlFile());
    chmodSync(join(runbook, "guard"), 0o700);
    options.prepare?.(facts);
    const path = options.without === undefined ? {} : { PATH: pathWithout(options.without, join(folder, "bin")) };
    const ran = await execa(join(runbook, "guard"), options.words ?? [], {
      reject: false,
      timeout: 30_000,
      env: { ...path, ...options.given },
    });
    return { code: ran.exitCode ?? -1, said: ran.stderr };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A folder with links to all that this machine's PATH has, but some. */
function pathWithout(programs: readonly string[], folder: string): string {
  mkdirSync(folder);
  for (const from of ["/bin", "/usr/bin"]) {
    for (const name of readdirSync(from)) {
      const place = join(folder, name);
      if (!programs.includes(name) && !existsSync(place)) symlinkSync(join(from, name), place);
    }
  }
  return folder;
}

function factsOf(options: GuardOptions, folder: string): RunbookFacts {
  const { peer = "", version = "15", tls = false, access = [], programs: binaries } = options;
  const description = {
    site: "orders",
    postgresql: version,
    binaries,
    port: 5442,
    primary: "server2",
    hosts: { server2: "127.0.219.2", server3: peer },
    servers: { server2: { dataDirectory: join(folder, "data") }, server3: { dataDirectory: "/srv/three" } },
    access,
    ...(tls ? { tls: { certificates: "made" } } : {}),
  };
  const raw = Object.entries(description).map(([key, value]) => [
    `pgsite:${key}`,
    typeof value === "string" ? value : JSON.stringify(value),
  ]);
  const { stack, problems } = resolveStack("test", Object.fromEntries(raw));
  const server = stack?.site.servers.find(({ name }) => name === "server2");
  const inputs = stack?.inputs.server2;
  const facts = server === undefined || inputs === undefined ? undefined : runbookFacts(server, inputs);
  if (facts === undefined) throw new Error(JSON.stringify(problems));
  return facts;
}

/** Of a primary that was shut down on timeline 1; as much of it as the runbook reads. */
function controlFile(): Buffer {
  const bytes = Buffer.alloc(8192);
  bytes.writeBigUInt64LE(BigInt(ownSystem), 0);
  bytes.writeInt32LE(1, 16);
  bytes.writeUInt32LE(1, 48);
  return bytes;
}
