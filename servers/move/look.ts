import { dirname, join } from "node:path";
import { controlPath } from "../../config/controlDirectory.js";
import type { Server } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import { hostOf } from "../../hosts/index.js";
import { defined } from "../../postgres/defined.js";
import { judgeMove, obstaclesTo, wayFor } from "../../postgres/move/judge.js";
import type { ApartFolder, MoveFacts, MoveRefusal, PlatformFacts } from "../../postgres/move/model.js";
import { atLeast, majorOf } from "../../postgres/versions.js";
import { type BuildFacts, buildFacts, buildOf } from "../../postgres/wal/controlFile.js";
import { preflight } from "../../preflight/index.js";
import { requestOf } from "../../preflight/request.js";
import { apartIn, staysInside } from "../data/apart.js";
import { readControlFile } from "../data/controlFile.js";
import { readServerFiles } from "../data/countedFiles.js";
import { inspectDataDirectory } from "../data/dataDirectory.js";
import { lackOfSpace } from "../data/freeSpace.js";
import { makeFolder, removeFolder } from "../data/places.js";
import { processState } from "../process/process.js";
import { administratorOf } from "../sql/login.js";
import { withSession } from "../sql/session.js";
import { namesOf } from "../sql/versions.js";
import type { MoveAsked } from "./asked.js";
import { isIncomplete } from "./copy.js";
import { lookAtDump } from "./lookDump.js";

/** What a move goes by. Where something is refused, the facts are what could be seen. */
export interface Looked {
  readonly facts?: MoveFacts;
  readonly refusals: readonly MoveRefusal[];
}

/** Looks at both places. Changes nothing, but for a cluster that initdb makes beside the new place and that is gone again. */
export async function lookAtMove(asked: MoveAsked): Promise<Looked> {
  const early = refuseByDeclaration(asked);
  if (early.length > 0) return { refusals: early };
  const { server, to, signal } = asked;
  const [from, target] = [hostOf(server.host), hostOf(to.host)];
  const refusals = [
    ...(await refuseSource(from, server)),
    ...(await refusePlace(target, to)),
    ...(await refuseByPreflight(asked)),
  ];
  if (refusals.length > 0) return { refusals };
  const oneHost = from.machine === target.machine && from.user === target.user;
  const found = await apartIn(from, server.dataDirectory);
  const outside = found.filter((one) => one.kind === "link" && !staysInside(one));
  const files = outside.filter(({ type }) => type !== "directory");
  refusals.push(...files.map(({ path, says }): MoveRefusal => ({ code: "file apart", path, leadsTo: says })));
  const apart: ApartFolder[] = outside.flatMap(({ path, leadsTo, type }) =>
    type === "directory" && leadsTo !== undefined ? [{ link: path, leadsTo }] : [],
  );
  const mount = found.find(({ kind }) => kind === "mount");
  const renames =
    oneHost && mount === undefined && (await isOneFileSystem(from, server.dataDirectory, to.dataDirectory));
  const [fromPlatform, toPlatform, sizes, ordered] = await Promise.all([
    platformOf(from, server.binDirectory),
    platformOf(target, to.binDirectory),
    sizesOf(from, server, apart),
    orderedDatabases(asked),
  ]);
  const control = await readControlFile(from, server.dataDirectory);
  const build = control === undefined ? undefined : buildOf(server.version, control);
  const sameVersion = majorOf(toPlatform.programs) === server.version;
  const there = sameVersion && !oneHost ? await trial(target, to, signal) : undefined;
  if (there !== undefined && "refusal" in there) refusals.push(there.refusal);
  const made = there !== undefined && "build" in there ? there.build : build;
  const compared = {
    from: fromPlatform,
    to: toPlatform,
    differs: build === undefined || made === undefined ? [] : buildFacts.filter((name) => build[name] !== made[name]),
    ordered,
  };
  const obstacles = obstaclesTo(compared);
  const accepted = asked.acceptCollation === true;
  const { way, standing } = wayFor(obstacles, { wish: asked.wish ?? "auto", accepted, renames });
  const dump = way === "dump" && sameVersion && control !== undefined ? await lookAtDump(asked, control) : undefined;
  refusals.push(...(dump?.refusals ?? []));
  const facts: MoveFacts = {
    server: server.name,
    version: server.version,
    way,
    obstacles,
    oneHost,
    ...compared,
    ...sizes,
    apart,
    ...defined({ dump: dump?.facts }),
  };
  refusals.push(...judgeMove(facts, standing));
  if (way !== "rename") refusals.push(...(await refuseSpace(target, to, facts)));
  if (way !== "rename" && !oneHost) refusals.push(...(await refuseApart(target, apart)));
  return { facts, refusals };
}

function refuseByDeclaration({ site, server, to }: MoveAsked): readonly MoveRefusal[] {
  const { name } = server;
  if (server.upstream !== undefined) return [{ code: "unknown role", server: name, role: server.role }];
  const others = site.servers.filter((one) => one.name !== name).map((one) => one.name);
  if (others.length > 0) return [{ code: "not single", server: name, others }];
  const layout = [server, to].find((one) => one.layout !== undefined && one.layout !== "plain")?.layout;
  if (layout !== undefined) return [{ code: "layout", layout }];
  const isSame = server.host.address === to.host.address && server.host.name === to.host.name;
  return isSame && server.dataDirectory === to.dataDirectory ? [{ code: "same place" }] : [];
}

async function refuseSource(host: Host, server: Server): Promise<readonly MoveRefusal[]> {
  const data = await inspectDataDirectory(host, server);
  if (data.kind !== "ours") return [{ code: "not ours", path: server.dataDirectory, is: data.kind }];
  if ((await host.stat(controlPath(server, "upgrade"))) !== undefined) return [{ code: "upgrade under way" }];
  const names = Object.keys(server.files);
  const { files } = await readServerFiles(host, server, names);
  const differing = names.filter((name) => (files[name] ?? null) !== (server.files[name] ?? null));
  if ((await host.stat(controlPath(server, "pending"))) !== undefined) differing.push("what a rollout has begun");
  if (differing.length > 0) return [{ code: "files differ", names: differing }];
  return (await processState(host, server.dataDirectory)).kind === "running" ? [] : [{ code: "not running" }];
}

/** Nothing may be there, or what a move that was cut off has left. */
async function refusePlace(host: Host, to: Server): Promise<readonly MoveRefusal[]> {
  const { kind } = await inspectDataDirectory(host, to);
  const isFree = kind === "absent" || kind === "empty" || (kind === "incomplete" && (await isIncomplete(host, to)));
  if (isFree) return [];
  const is = kind === "ours" ? "a server's data that pgsite made" : `there with ${kind} data`;
  return [{ code: "place taken", path: to.dataDirectory, host: host.name, is }];
}

/** All of it: a server that holds the port there, no room, no programs. What is the old server's own is not in the way of it. */
async function refuseByPreflight({ moved, server, to }: MoveAsked): Promise<readonly MoveRefusal[]> {
  const request = requestOf(moved);
  const one = { ...request, servers: request.servers.filter(({ name }) => name === to.name) };
  const { findings } = await preflight(one, { hostOf, run: true });
  const isOwn = (check: string) =>
    (check === "port" || check === "sockets") &&
    hostOf(server.host).machine === hostOf(to.host).machine &&
    server.port === to.port &&
    server.address === to.address;
  const errors = findings.filter(({ severity, check }) => severity === "error" && !isOwn(check));
  return errors.length === 0 ? [] : [{ code: "preflight", messages: errors.map(({ message }) => message) }];
}

async function isOneFileSystem(host: Host, one: string, other: string): Promise<boolean> {
  const nearest = 'for f; do until [ -d "$f/" ]; do f=$(dirname -- "$f"); done; stat -c %d -- "$f/."; done';
  const { stdout } = await host.run(["sh", "-c", nearest, "sh", dirname(one), dirname(other)]);
  const [first, second] = stdout.trim().split("\n");
  return first !== undefined && first === second;
}

const platform = `system=$(. /etc/os-release 2>/dev/null && echo "$ID \${VERSION_ID-}")
printf '%s\\n' "$(uname -m)" "\${system:-$(uname -s)}" "$(getconf GNU_LIBC_VERSION 2>/dev/null || ldd --version 2>&1 | head -n 1)" "$(ldd "$1/postgres" 2>/dev/null | sed -n 's/.*libicui18n\\.so\\.\\([0-9][0-9]*\\).*/\\1/p' | head -n 1)" "$("$1/postgres" --version 2>/dev/null)"`;

async function platformOf(host: Host, binDirectory: string): Promise<PlatformFacts> {
  const { stdout } = await host.run(["sh", "-c", platform, "sh", binDirectory]);
  const [machine = "", system = "", libc = "", icu = "", said = ""] = stdout.split("\n");
  return { machine, system, libc, icu, programs: /\(PostgreSQL\) (\d+(?:\.\d+)*)/.exec(said)?.[1] ?? "" };
}

/** What the programs there make says how they were built: nothing else of a build does in every version. */
async function trial(
  host: Host,
  to: Server,
  signal: AbortSignal,
): Promise<{ readonly build: BuildFacts } | { readonly refusal: MoveRefusal }> {
  const folder = controlPath(to, "moveTrial");
  const hadControl = (await host.stat(to.controlDirectory)) !== undefined;
  await makeFolder(host, to, to.controlDirectory);
  try {
    await host.remove(folder);
    const initdb = join(to.binDirectory, "initdb");
    const quick = atLeast(to.version, "9.3") ? ["-N"] : [];
    const argv = [initdb, "-D", folder, "-U", "postgres", "-A", "ident", "--locale=C", "--encoding=UTF8", ...quick];
    const { code, stderr } = await host.run(argv, { timeout: 120_000, signal });
    const control = code === 0 ? await readControlFile(host, folder) : undefined;
    const build = control === undefined ? undefined : buildOf(to.version, control);
    if (build !== undefined) return { build };
    const said = stderr.trim().split("\n").at(-1) ?? "";
    return { refusal: { code: "programs do not run", path: initdb, host: host.name, said } };
  } finally {
    await host.remove(folder);
    if (!hadControl) await removeFolder(host, to, to.controlDirectory);
  }
}

async function sizesOf(host: Host, server: Server, apart: readonly ApartFolder[]) {
  const wal = `${join(server.dataDirectory, namesOf(server.version).walDirectory)}/`;
  const { stdout } = await host.run(
    ["du", "-sbl", "--", `${server.dataDirectory}/`, ...apart.map(({ leadsTo }) => leadsTo)],
    {
      timeout: 30 * 60_000,
    },
  );
  const all = stdout.split("\n").reduce((sum, line) => sum + (Number(line.split("\t")[0]) || 0), 0);
  const walBytes = Number((await host.run(["du", "-sbl", "--", wal])).stdout.split("\t")[0]) || 0;
  return { bytes: Math.max(0, all - walBytes), walBytes };
}

async function orderedDatabases({ site, server, passwords, signal }: MoveAsked): Promise<MoveFacts["ordered"]> {
  const provider = atLeast(server.version, "15") ? "datlocprovider" : "'c'";
  const rows = await withSession(server, administratorOf(site, passwords), { signal }, (session) =>
    session.query(
      `select datname, datcollate, ${provider}::text as provider from pg_database where datallowconn order by 1`,
    ),
  );
  return rows.flatMap(({ datname, datcollate, provider: by }): MoveFacts["ordered"][number][] => {
    if (by === "i") return [{ name: datname ?? "", by: "icu" }];
    const isOwn = by === "b" || datcollate === "C" || datcollate === "POSIX";
    return isOwn ? [] : [{ name: datname ?? "", by: "libc" }];
  });
}

async function refuseSpace(
  host: Host,
  to: Server,
  { bytes, walBytes, apart, dump }: MoveFacts,
): Promise<readonly MoveRefusal[]> {
  // Folders apart may lie on other disks; nobody knows how much of it goes where, so all of it is asked of the first.
  const lack = await lackOfSpace(host, [
    { directory: to.dataDirectory, bytes: dump?.needed ?? (apart.length > 0 ? walBytes : bytes + walBytes) },
  ]);
  if (lack === undefined) return [];
  return [{ code: "space", path: to.dataDirectory, host: host.name, free: lack.free, needed: lack.needed }];
}

/** Folders that the data lead to go to the same paths, where nothing may be. */
async function refuseApart(host: Host, apart: readonly ApartFolder[]): Promise<readonly MoveRefusal[]> {
  const found = await Promise.all(apart.map(async ({ leadsTo }) => ({ leadsTo, names: await host.list(leadsTo) })));
  return found.flatMap(({ leadsTo, names }): MoveRefusal[] =>
    names === undefined || names.every((name) => name === "lost+found")
      ? []
      : [{ code: "place taken", path: leadsTo, host: host.name, is: "not empty" }],
  );
}
