export { Access, type AccessArgs } from "./access.js";
export { Database, type DatabaseArgs } from "./database.js";
export { DataDirectory, type DataDirectoryArgs } from "./dataDirectory.js";
export { HostFile, type HostFileArgs } from "./hostFile.js";
export { Preflight, type PreflightArgs } from "./preflight.js";
export { Role, type RoleArgs, type SqlArgs } from "./role.js";
export { Rollout, type RolloutArgs } from "./rollout.js";
export { ServerConfiguration, type ServerConfigurationArgs } from "./serverConfiguration.js";
export { Topology, type TopologyArgs } from "./topology.js";
