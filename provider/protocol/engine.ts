import * as grpc from "@grpc/grpc-js";
import type { EngineClient } from "@pulumi/pulumi/proto/engine_grpc_pb.js";
import { shown } from "../../postgres/shown.js";

export type Severity = "info" | "warning" | "error";

/** The engine that started us: the only way to tell the administrator something, since a provider's own output is hidden. */
export class Engine {
  #address: string | undefined;
  #client: EngineClient | undefined;

  /** `address` is absent while debugging; then everything said goes to standard error. */
  constructor(address: string | undefined) {
    this.#address = address;
  }

  attach(address: string): void {
    this.#address = address;
    this.#client = undefined;
  }

  /** Never fails: what cannot be said is not worth failing for. */
  async log(urn: string, severity: Severity, message: string, ephemeral = false): Promise<void> {
    const address = this.#address;
    if (address === undefined || address === "") {
      console.error(`${severity}: ${shown(message)}`);
      return;
    }
    // Loaded when there is something to say, which is seldom.
    const { EngineClient } = await import("@pulumi/pulumi/proto/engine_grpc_pb.js");
    const { LogRequest, LogSeverity } = await import("@pulumi/pulumi/proto/engine_pb.js");
    this.#client ??= new EngineClient(address, grpc.credentials.createInsecure());
    const client = this.#client;
    const request = new LogRequest();
    request.setUrn(urn);
    request.setSeverity({ info: LogSeverity.INFO, warning: LogSeverity.WARNING, error: LogSeverity.ERROR }[severity]);
    request.setMessage(shown(message));
    request.setEphemeral(ephemeral);
    await new Promise<void>((resolve) => {
      client.log(request, () => resolve());
    });
  }
}
