import { credentials } from "@grpc/grpc-js";
import { EngineClient } from "@pulumi/pulumi/proto/engine_grpc_pb.js";
import { LogRequest, LogSeverity } from "@pulumi/pulumi/proto/engine_pb.js";

/** Sends lines to Pulumi's display, in order; where there is no engine, nowhere. */
export class EngineLog {
  #client: EngineClient | undefined;

  connect(address: string): void {
    this.#client?.close();
    this.#client = new EngineClient(address, credentials.createInsecure());
  }

  /** A log for one resource: lines show beside it while it is at work, and are not kept. */
  of(urn: string): { line(text: string): void; sent(): Promise<void> } {
    let last: Promise<void> = Promise.resolve();
    const line = (text: string) => {
      const before = last;
      last = before.then(() => this.#send(text, urn));
    };
    return { line, sent: () => last };
  }

  #send(text: string, urn: string): Promise<void> {
    const client = this.#client;
    if (client === undefined) return Promise.resolve();
    const request = new LogRequest();
    request.setSeverity(LogSeverity.INFO);
    request.setMessage(text);
    request.setUrn(urn);
    request.setEphemeral(true);
    // An engine that is gone is no reason to fail: whoever watches over it ends the command.
    return new Promise((resolve) => {
      client.log(request, () => resolve());
    });
  }
}
