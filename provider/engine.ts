import * as grpc from "@grpc/grpc-js";
import { EngineClient } from "@pulumi/pulumi/proto/engine_grpc_pb.js";
import { LogRequest, LogSeverity } from "@pulumi/pulumi/proto/engine_pb.js";

const severities = { info: LogSeverity.INFO, warning: LogSeverity.WARNING, error: LogSeverity.ERROR };

/** The engine that started us: the only way to tell the administrator something, since a provider's own output is hidden. */
export class Engine {
  #client: EngineClient | undefined;

  /** `address` is absent while debugging; then everything said goes to standard error. */
  constructor(address: string | undefined) {
    this.attach(address);
  }

  attach(address: string | undefined): void {
    this.#client =
      address === undefined || address === ""
        ? undefined
        : new EngineClient(address, grpc.credentials.createInsecure(), {
            "grpc.max_receive_message_length": 400 * 1024 * 1024,
          });
  }

  /** Never fails: what cannot be said is not worth failing for. */
  log(urn: string, severity: keyof typeof severities, message: string, ephemeral = false): Promise<void> {
    const request = new LogRequest();
    request.setUrn(urn);
    request.setSeverity(severities[severity]);
    request.setMessage(message);
    request.setEphemeral(ephemeral);
    const client = this.#client;
    if (client === undefined) {
      console.error(`${severity}: ${message}`);
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      client.log(request, () => resolve());
    });
  }
}
