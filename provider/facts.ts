import { parseConfiguration } from "../postgres/configuration-file.js";
import type { ConfigurationFacts } from "../postgres/rollout.js";
import { type Files, hashesOf } from "./staging.js";

/** What a server's files say, for comparing what is with what shall be: both sides are read by this one function. */
export function configurationFacts(files: Files): ConfigurationFacts {
  const settings = ["postgresql.conf", "recovery.conf"].flatMap((name) =>
    Object.entries(parseConfiguration(files[name] ?? "").values),
  );
  return {
    files: hashesOf(files),
    settings: Object.fromEntries(settings.sort(([left], [right]) => (left < right ? -1 : 1))),
  };
}
