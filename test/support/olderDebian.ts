import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";

/** Programs of another release of Debian's, unpacked for this one. */
export interface OlderDebian {
  readonly release: string;
  readonly major: string;
  /** Libraries that this release has no more. */
  readonly libraries: readonly string[];
}

/** PostgreSQL 13. */
export const bullseye: OlderDebian = {
  release: "bullseye",
  major: "13",
  libraries: ["libicu67", "libldap-2.4-2", "libssl1.1"],
};

const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";

/**
 * Unpacks them into a folder, from where this machine's own packages come from: nothing of it is installed.
 * @returns the folder of the programs, or why they cannot be had
 */
export async function olderPrograms(
  { release, major, libraries }: OlderDebian,
  folder: string,
): Promise<{ readonly bin: string } | { readonly lacking: string }> {
  if (!["/usr/bin/apt-get", "/usr/bin/patchelf", keyring].every((path) => existsSync(path))) {
    return { lacking: "this is no Debian, or has no patchelf" };
  }
  const work = join(folder, "apt");
  for (const path of ["lists/partial", "cache/archives/partial"]) mkdirSync(join(work, path), { recursive: true });
  const uris = await mirrors();
  const line = (uri: string) => {
    const suite = /security/.test(uri) ? `${release}-security` : release;
    return `deb [signed-by=${keyring}] ${uri} ${suite} main\n`;
  };
  writeFileSync(join(work, "sources.list"), uris.map(line).join(""));
  const options = Object.entries({
    "Dir::Etc::sourcelist": join(work, "sources.list"),
    "Dir::Etc::sourceparts": "-",
    "Dir::State::lists": join(work, "lists"),
    "Dir::Cache": join(work, "cache"),
  }).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
  const packages = [`postgresql-${major}`, `postgresql-client-${major}`, ...libraries];
  for (const act of [["update"], ["download", ...packages]]) {
    const given = { cwd: work, reject: false, timeout: 300_000 } as const;
    const { exitCode, stderr } = await execa("apt-get", [...options, "-q", ...act], given);
    if (exitCode !== 0) return { lacking: `apt-get ${act[0]} of ${release}: ${stderr}` };
  }
  const unpacked = join(folder, "unpacked");
  for (const file of readdirSync(work).filter((name) => name.endsWith(".deb"))) {
    await execa("dpkg-deb", ["-x", join(work, file), unpacked]);
  }
  rmSync(work, { recursive: true });
  const programs = join(unpacked, "usr/lib/postgresql", major);
  // It asks for a compiler's library that is larger than all of the rest.
  rmSync(join(programs, "lib/llvmjit.so"), { force: true });
  const shared = readdirSync(join(unpacked, "usr/lib")).find((name) => name.endsWith("-linux-gnu")) ?? "";
  // Not RUNPATH: the libraries' own libraries lie there too.
  const path = ["--force-rpath", "--set-rpath", join(unpacked, "usr/lib", shared)];
  await execa("patchelf", [...path, join(programs, "bin/postgres")]);
  await execa("chmod", ["-R", "a+rX,go-w", unpacked]);
  return { bin: join(programs, "bin") };
}

/** Where packages of this machine come from. */
async function mirrors(): Promise<readonly string[]> {
  const format = ["indextargets", "--format", "$(ORIGIN) $(REPO_URI)", "Created-By: Packages"];
  const { stdout } = await execa("apt-get", format);
  const uris = stdout.split("\n").flatMap((line) => (line.startsWith("Debian ") ? [line.slice("Debian ".length)] : []));
  return [...new Set(uris)];
}
