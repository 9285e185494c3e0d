export { DataDirectory, type DataDirectoryArgs } from "./dataDirectory.js";
export { HostFile, type HostFileArgs } from "./hostFile.js";
export { ServerConfiguration, type ServerConfigurationArgs } from "./serverConfiguration.js";
