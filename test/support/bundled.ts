import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { checkout } from "../../toolchain/paths.mjs";

/** A program of this folder as one file, which finds the checkout although it does not lie in it. @returns its path */
export async function bundled(
  name: "seedProgram" | "rejoinProgram" | "smtpSinkProgram" | "moveProgram" | "writerProgram",
  folder: string,
): Promise<string> {
  const outfile = join(folder, `${name}.cjs`);
  await build({
    entryPoints: [join(checkout, "test/support", `${name}.ts`)],
    outfile,
    bundle: true,
    platform: "node",
    format: "cjs",
    external: ["pg-native"],
    define: { "import.meta.url": JSON.stringify(pathToFileURL(join(checkout, "toolchain/paths.mjs")).href) },
    logLevel: "error",
  });
  return outfile;
}
