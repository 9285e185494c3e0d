import { Server, ServerCredentials, type UntypedServiceImplementation } from "@grpc/grpc-js";
import { ResourceProviderService } from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import { graceMilliseconds, runningCommands } from "./child.js";
import { EngineLog } from "./engine.js";
import { commandService } from "./service.js";

/** Pulumi's own limit for a message between engine and plugin. */
const largestMessage = 400 * 1024 * 1024;

/** How often to look whether the engine is still there. */
const watchMilliseconds = 250;

const stop = new AbortController();
const log = new EngineLog();

// The engine's address is the last argument; it is absent when the engine attaches to a plugin that runs already.
const address = process.argv.slice(2).findLast((argument) => /^[^-].*:\d+$/.test(argument));
if (address !== undefined) log.connect(address);

const server = new Server({
  "grpc.max_receive_message_length": largestMessage,
  "grpc.max_send_message_length": largestMessage,
});
server.addService(ResourceProviderService, commandService(log, stop) as UntypedServiceImplementation);
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  process.stdout.write(`${port}\n`);
});

/** Ends every command that runs, then this process: nothing is left behind that nobody waits for. */
function end(): void {
  if (runningCommands() === 0) process.exit(0);
  stop.abort();
  setTimeout(() => process.exit(0), graceMilliseconds + 100);
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, end);

// A killed engine tells nobody. Without this, commands would run on beside those of the next update.
const engine = process.ppid;
setInterval(() => {
  if (process.ppid !== engine) end();
}, watchMilliseconds).unref();
process.stdout.on("error", () => {});
