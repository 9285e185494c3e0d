import { hashOf } from "../../hosts/digest.js";
import { filedSettings, hbaRules } from "../../postgres/files/facts.js";
import { waysOfReplicas } from "../../postgres/files/hba/index.js";
import type { ConfigurationFacts } from "../../postgres/rollout/model.js";
import { secretsInFile } from "../../postgres/secrets/index.js";
import type { Major } from "../../postgres/versions.js";
import { type Files, hashesOf } from "./staging.js";

/** What a server's files say, for comparing what is with what shall be: both sides are read by this one function. */
export function configurationFacts(files: Files, version: Major): ConfigurationFacts {
  const settings = [...filedSettings(files).values()].map(({ name, value }) => [name, value] as const);
  const access = files["pg_hba.conf"];
  return {
    files: hashesOf(files),
    ...(access === undefined ? {} : rulesIn(access, version)),
    settings: Object.fromEntries(settings.sort(([left], [right]) => (left < right ? -1 : 1))),
    ...(Object.entries(files).some(([name, text]) => secretsInFile(name, text).length > 0)
      ? { secret: true as const }
      : {}),
  };
}

function rulesIn(access: string, version: Major) {
  return { rules: hashOf(JSON.stringify(hbaRules(access, version))), replicas: waysOfReplicas(access).map(hashOf) };
}
