/**
 * Run by the plugin's launcher where the configuration that Pulumi hands it says `lost`: prints `SERVER@HOST` of each
 * server that is declared lost. A program of its own, that loads nothing: the plugin itself never sees the configuration.
 */

interface Declared {
  readonly host?: unknown;
  readonly lost?: unknown;
}

/** @param configuration PULUMI_CONFIG: an object of texts by key, without the namespace; objects are JSON once more */
export function lostIn(configuration: string): readonly string[] {
  const all = JSON.parse(configuration) as Readonly<Record<string, string | undefined>>;
  const servers = Object.entries(objectIn(all.servers) as Readonly<Record<string, Declared | null>>);
  return servers
    .filter(([, server]) => server?.lost === true || server?.lost === "true")
    .map(([name, server]) => `${name}@${typeof server?.host === "string" ? server.host : name}`);
}

/** What is no object at all is refused by the program, with all other problems of the stack file. */
function objectIn(text: string | undefined): object {
  try {
    const found: unknown = JSON.parse(text ?? "{}");
    return typeof found === "object" && found !== null ? found : {};
  } catch {
    return {};
  }
}

if (process.env.PULUMI_CONFIG !== undefined) process.stdout.write(lostIn(process.env.PULUMI_CONFIG).join(" "));
