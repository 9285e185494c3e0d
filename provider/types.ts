import { access } from "./resources/access.js";
import { authority } from "./resources/authority.js";
import { clientLinks } from "./resources/clientLinks.js";
import { database } from "./resources/database.js";
import { dataDirectory } from "./resources/dataDirectory.js";
import { hostFile } from "./resources/hostFile.js";
import { preflight } from "./resources/preflight.js";
import { role } from "./resources/role.js";
import { rollout } from "./resources/rollout.js";
import { serverCertificate } from "./resources/serverCertificate.js";
import { serverConfiguration } from "./resources/serverConfiguration.js";
import { service } from "./resources/service.js";
import { topology } from "./resources/topology.js";
import type { AnyResourceType } from "./server.js";

/** Every type of resource that the provider serves. */
export const resourceTypes: readonly AnyResourceType[] = [
  preflight,
  authority,
  hostFile,
  serverCertificate,
  dataDirectory,
  serverConfiguration,
  role,
  database,
  access,
  rollout,
  service,
  topology,
  clientLinks,
];
