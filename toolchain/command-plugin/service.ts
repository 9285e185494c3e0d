import { randomBytes } from "node:crypto";
import * as grpc from "@grpc/grpc-js";
import { type PluginAttach, PluginInfo } from "@pulumi/pulumi/proto/plugin_pb.js";
import type { IResourceProviderServer } from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import * as proto from "@pulumi/pulumi/proto/provider_pb.js";
import { Empty } from "google-protobuf/google/protobuf/empty_pb.js";
import { type JavaScriptValue, Struct } from "google-protobuf/google/protobuf/struct_pb.js";
import { type Output, runCommand } from "./child.js";
import { type Change, difference } from "./difference.js";
import type { EngineLog } from "./engine.js";
import { check, functionKinds, opened, resourceKinds } from "./inputs.js";
import { schema, version } from "./schema.js";
import { hasUnknown, same, unknown, type Values } from "./values.js";

const resourceType = "command:local:Command";
const functionToken = "command:local:run";

/**
 * The `command` plugin's service, as far as it is served: `command:local:Command` and `command:local:run` as
 * pulumi-command 1.2.1 has them. `stop` ends all commands that run, and those that are asked for later.
 */
export function commandService(log: EngineLog, stop: AbortController): Partial<IResourceProviderServer> {
  /** Runs a command for one request, which its caller, its deadline or `stop` may end. */
  async function run(command: string, state: Values, previous: Partial<Output>, call: Call, timeout = 0, urn = "") {
    const own = new AbortController();
    const timer = timeout > 0 ? setTimeout(() => own.abort(), timeout * 1000) : undefined;
    call.on("cancelled", () => own.abort());
    const told = log.of(urn);
    try {
      const signal = AbortSignal.any([own.signal, stop.signal]);
      return await runCommand(command, opened(state), { previous, log: told.line, signal });
    } finally {
      clearTimeout(timer);
      await told.sent();
    }
  }

  return {
    getPluginInfo: answer(async () => new PluginInfo().setVersion(version)),
    getSchema: answer(async () => new proto.GetSchemaResponse().setSchema(JSON.stringify(schema))),
    attach: answer(async ({ request }: { request: PluginAttach }) => {
      log.connect(request.getAddress());
      return new Empty();
    }),
    cancel: answer(async () => {
      stop.abort();
      return new Empty();
    }),
    checkConfig: answer(async ({ request }: Received<proto.CheckRequest>) => {
      return new proto.CheckResponse().setInputs(request.getNews());
    }),
    diffConfig: answer(async () => new proto.DiffResponse().setChanges(proto.DiffResponse.DiffChanges.DIFF_NONE)),
    configure: answer(async () => {
      return new proto.ConfigureResponse().setAcceptsecrets(true).setSupportspreview(true).setAcceptresources(true);
    }),

    invoke: answer(async (call: Received<proto.InvokeRequest>) => {
      const token = call.request.getTok();
      if (token !== functionToken) throw notServed(token);
      const args = values(call.request.getArgs());
      const failures = check(args, functionKinds);
      if (failures.length > 0) return new proto.InvokeResponse().setFailuresList(failures.map(failureOf));
      const output = await run(opened(args).command ?? "", args, {}, call);
      return new proto.InvokeResponse().setReturn(struct({ ...args, ...output }));
    }),

    check: answer(async ({ request }: Received<proto.CheckRequest>) => {
      requireServed(request);
      const news = Object.entries(values(request.getNews())).filter(([, value]) => value !== null);
      const inputs = Object.fromEntries(news);
      const failures = check(inputs, resourceKinds);
      return new proto.CheckResponse().setInputs(struct(inputs)).setFailuresList(failures.map(failureOf));
    }),

    diff: answer(async ({ request }: Received<proto.DiffRequest>) => {
      const olds = values(request.getOldInputs());
      const news: Record<string, Values[string]> = { ...values(request.getNews()) };
      for (const ignored of request.getIgnorechangesList()) {
        const old = values(request.getOlds())[ignored];
        if (old !== undefined) news[ignored] = old;
      }
      const changes = difference(olds, news);
      const { DIFF_SOME, DIFF_NONE } = proto.DiffResponse.DiffChanges;
      const response = new proto.DiffResponse().setHasdetaileddiff(true);
      response.setChanges(changes.size > 0 ? DIFF_SOME : DIFF_NONE);
      response.setDiffsList([...new Set([...changes.keys()].map((path) => /^\w+/.exec(path)?.[0] ?? path))]);
      if (changes.has("triggers")) response.setReplacesList(["triggers"]);
      for (const [path, change] of changes) {
        // Items of triggers replace too, but that is the SDK's doing: it asks the engine for it.
        const kind = kindOf(change, path === "triggers");
        response.getDetaileddiffMap().set(path, new proto.PropertyDiff().setKind(kind));
      }
      return response;
    }),

    create: answer(async (call: Received<proto.CreateRequest>) => {
      requireServed(call.request);
      const inputs = values(call.request.getProperties());
      const id = `${nameOf(call.request.getUrn())}${randomBytes(4).toString("hex")}`;
      const response = new proto.CreateResponse().setId(id);
      if (call.request.getPreview()) return response.setProperties(struct({ ...inputs, ...notYet }));
      const { create } = opened(inputs);
      const [timeout, urn] = [call.request.getTimeout(), call.request.getUrn()];
      const nothing: Output = { stdout: "", stderr: "" };
      const output = create === undefined ? nothing : await run(create, inputs, {}, call, timeout, urn);
      return response.setProperties(struct({ ...inputs, ...output }));
    }),

    read: answer(async ({ request }: Received<proto.ReadRequest>) => {
      const response = new proto.ReadResponse().setId(request.getId());
      return response.setProperties(request.getProperties() ?? new Struct()).setInputs(request.getInputs());
    }),

    update: answer(async (call: Received<proto.UpdateRequest>) => {
      const olds = values(call.request.getOlds());
      const inputs = values(call.request.getNews());
      const kept = { stdout: olds.stdout ?? "", stderr: olds.stderr ?? "" };
      if (call.request.getPreview()) {
        const names = Object.keys(resourceKinds);
        const changed = names.some((name) => !same(olds[name], inputs[name])) || hasUnknown(inputs);
        return new proto.UpdateResponse().setProperties(struct({ ...inputs, ...(changed ? notYet : kept) }));
      }
      const { create, update = create } = opened(inputs);
      const previous = opened(kept);
      const [timeout, urn] = [call.request.getTimeout(), call.request.getUrn()];
      const output = update === undefined ? kept : await run(update, inputs, previous, call, timeout, urn);
      return new proto.UpdateResponse().setProperties(struct({ ...inputs, ...output }));
    }),

    delete: answer(async (call: Received<proto.DeleteRequest>) => {
      const state = values(call.request.getProperties());
      const previous = opened(state);
      const [timeout, urn] = [call.request.getTimeout(), call.request.getUrn()];
      if (previous.delete !== undefined) await run(previous.delete, state, previous, call, timeout, urn);
      return new Empty();
    }),
  };
}

/** The outputs of a command that has not run. */
const notYet = { stdout: unknown, stderr: unknown };

interface Call {
  on(event: "cancelled", listener: () => void): unknown;
}

interface Received<Request> extends Call {
  readonly request: Request;
}

/** A gRPC handler out of a function; what it throws is the failure that Pulumi shows. */
function answer<Request, Response>(act: (call: Received<Request>) => Promise<Response>) {
  return (call: grpc.ServerUnaryCall<Request, Response>, callback: grpc.sendUnaryData<Response>): void => {
    act(call).then(
      (response) => callback(null, response),
      (error: Error) => callback({ code: grpc.status.UNKNOWN, details: error.message }),
    );
  };
}

function requireServed(request: { getUrn(): string }): void {
  const type = request.getUrn().split("::")[2]?.split("$").pop() ?? "";
  if (type !== resourceType) throw notServed(type);
}

function notServed(token: string): Error {
  const served = `${resourceType} and ${functionToken}`;
  return new Error(
    `${token} is not served by pgsite's stand-in for Pulumi's command plugin, which knows ${served} alone; install the official plugin for it`,
  );
}

function nameOf(urn: string): string {
  return urn.split("::").slice(3).join("::");
}

function values(from: Struct | undefined): Values {
  return (from?.toJavaScript() ?? {}) as Values;
}

function struct(of: Values): Struct {
  return Struct.fromJavaScript(of as Record<string, JavaScriptValue>);
}

/** The engine prints the value of the property that a failure names, secret or not: so none is named. */
function failureOf({ property, reason }: { property: string; reason: string }): proto.CheckFailure {
  return new proto.CheckFailure().setReason(`${property} ${reason}`);
}

function kindOf(change: Change, replace: boolean): proto.PropertyDiff.Kind {
  const kinds = proto.PropertyDiff.Kind;
  switch (change) {
    case "add":
      return replace ? kinds.ADD_REPLACE : kinds.ADD;
    case "delete":
      return replace ? kinds.DELETE_REPLACE : kinds.DELETE;
    case "update":
      return replace ? kinds.UPDATE_REPLACE : kinds.UPDATE;
  }
}
