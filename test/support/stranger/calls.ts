import { createInterface } from "node:readline";
import * as grpc from "@grpc/grpc-js";
import { ResourceProviderClient } from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import { CreateRequest } from "@pulumi/pulumi/proto/provider_pb.js";
import { type JavaScriptValue, Struct } from "google-protobuf/google/protobuf/struct_pb.js";

/**
 * What an OS user without rights runs beside another's preview: `calls FILE`. He asks whoever listens on the ports that stand
 * on standard input, a line each, to write FILE, the way a provider of Pulumi's would be asked; and prints each answer.
 */
const [file] = process.argv.slice(2) as [string];

const host = JSON.stringify({ name: "here", transport: "local", address: "", user: "root" });
const requests: readonly (readonly [type: string, Record<string, JavaScriptValue>])[] = [
  ["pgsite:index:HostFile", { host, path: file, content: "stranger", mode: "0644", owner: "root", __written: "" }],
  ["command:local:Command", { create: `echo stranger >${file}` }],
];

function create(port: string, type: string, properties: Record<string, JavaScriptValue>): void {
  const client = new ResourceProviderClient(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  const request = new CreateRequest();
  request.setUrn(`urn:pulumi:site::pgsite::${type}::strange`);
  request.setProperties(Struct.fromJavaScript(properties));
  client.create(request, (error) => {
    process.stdout.write(`${port} ${type} ${error?.details ?? "done"}\n`);
    client.close();
  });
}

createInterface({ input: process.stdin }).on("line", (port) => {
  for (const [type, properties] of requests) create(port, type, properties);
});
