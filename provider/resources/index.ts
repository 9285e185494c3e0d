import type { AnyResourceType } from "../protocol/serve.js";
import { access } from "./access.js";
import { authority } from "./authority.js";
import { clientLinks } from "./clientLinks.js";
import { database } from "./database.js";
import { dataDirectory } from "./dataDirectory.js";
import { hostFile } from "./hostFile.js";
import { jobs } from "./jobs.js";
import { mailAlias } from "./mailAlias.js";
import { preflight } from "./preflight.js";
import { role } from "./role.js";
import { rollout } from "./rollout.js";
import { runbook } from "./runbook.js";
import { schema } from "./schema.js";
import { serverCertificate } from "./serverCertificate.js";
import { serverConfiguration } from "./serverConfiguration.js";
import { service } from "./service.js";
import { topology } from "./topology.js";
import { upgrade } from "./upgrade.js";
import { webViewers } from "./webViewers.js";

/** Every type of resource that the provider serves. */
export const resourceTypes: readonly AnyResourceType[] = [
  preflight,
  upgrade,
  authority,
  hostFile,
  serverCertificate,
  dataDirectory,
  serverConfiguration,
  role,
  database,
  schema,
  access,
  rollout,
  runbook,
  service,
  topology,
  clientLinks,
  jobs,
  mailAlias,
  webViewers,
];
