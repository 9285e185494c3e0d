import { setMaxListeners } from "node:events";
import * as grpc from "@grpc/grpc-js";
import { PluginInfo } from "@pulumi/pulumi/proto/plugin_pb.js";
import { ResourceProviderService } from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import * as pb from "@pulumi/pulumi/proto/provider_pb.js";
import { Status } from "@pulumi/pulumi/proto/status_pb.js";
import { Any } from "google-protobuf/google/protobuf/any_pb.js";
import { Empty } from "google-protobuf/google/protobuf/empty_pb.js";
import { type JavaScriptValue, Struct } from "google-protobuf/google/protobuf/struct_pb.js";
import { shown } from "../../postgres/shown.js";
import { type Context, messageOf } from "../../servers/rollout/reporter.js";
import { codeOf, type FindingRecord, findingsFile, format, record } from "../../servers/status/findings.js";
import { acting } from "../../servers/status/refresh.js";
import { conceal, concealedIn, reveal } from "./concealed.js";
import { Engine } from "./engine.js";
import { awake } from "./functions.js";
import { listenToOwnUser } from "./listen.js";
import { cannotBeMade, isLeft, lostPlaceOf } from "./lost.js";
import { type ResourceType, Unfinished } from "./resource.js";
import {
  type Difference,
  decodeTexts,
  differences,
  encodeTexts,
  formatPath,
  type Path,
  type Properties,
  pack,
  type Unwrapped,
  unpack,
  unwrap,
  wrap,
} from "./wire.js";

/**
 * The provider's edge. It speaks the engine's protocol directly rather than through `@pulumi/pulumi/provider`: that
 * loads the whole SDK (twice the start-up time), drops the refreshed inputs that a diff needs, and crashes on import.
 */

// biome-ignore lint/suspicious/noExplicitAny: the edge dispatches by token; each type's own shapes begin behind it.
export type AnyResourceType = ResourceType<any, any>;

const version = "0.1.0";

/** Writes down what is found for whoever started the preview; nothing if nobody asked for it. */
async function writeDown(one: FindingRecord): Promise<void> {
  const file = process.env[findingsFile];
  if (file !== undefined) await record(file, one);
}
const anyType = "pulumirpc.ErrorResourceInitFailed";

/**
 * Serves `types` to the engine until it goes away. Writes the port to standard output, as the engine expects.
 * @param warmUp called once it is sure that the engine will use these types: of the two times that it starts the provider
 * in every preview, one is for the provider's own configuration alone
 */
export async function serve(
  types: readonly AnyResourceType[],
  engineAddress: string | undefined,
  warmUp: () => void,
): Promise<void> {
  const engine = new Engine(engineAddress);
  const cancelled = new AbortController();
  // Whatever is under way listens to it, on as many hosts as there are.
  setMaxListeners(0, cancelled.signal);
  const server = new grpc.Server({ "grpc.max_receive_message_length": 400 * 1024 * 1024 });
  // biome-ignore lint/suspicious/noExplicitAny: the generated service type has no useful signature for partial services.
  server.addService(ResourceProviderService as any, handlers(types, engine, cancelled, warmUp) as any);
  const port = await listenToOwnUser(server, (uid) => {
    const who = uid === undefined ? "somebody" : `the OS user with the number ${uid}`;
    const what = "called pgsite's provider, which answers its own user alone, and was turned away";
    void engine.log("", "warning", `${who} on this machine ${what}: docs/security.md says who may be let in here`);
  });
  process.stdout.write(`${port}\n`);
  endWithParent(cancelled);
}

/**
 * A provider whose engine was killed must not go on with a rollout: it stops what it does, and ends. Not by exit(), which
 * waits for every call that a file system has not answered, and hears no signal meanwhile.
 */
function endWithParent(cancelled: AbortController): void {
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid === parent) return;
    cancelled.abort();
    setTimeout(() => process.kill(process.pid, "SIGKILL"), 1000);
  }, 500).unref();
}

const { ADD, ADD_REPLACE, DELETE, DELETE_REPLACE, UPDATE, UPDATE_REPLACE } = pb.PropertyDiff.Kind;
const propertyKinds = {
  add: [ADD, ADD_REPLACE],
  delete: [DELETE, DELETE_REPLACE],
  update: [UPDATE, UPDATE_REPLACE],
} as const;

type Handler<Request, Response> = (request: Request) => Promise<Response>;

function handlers(types: readonly AnyResourceType[], engine: Engine, cancelled: AbortController, warmUp: () => void) {
  const byToken = new Map(types.map((type) => [type.token, type]));
  const typeOf = (urn: string): AnyResourceType => {
    const token = urn.split("::")[2]?.split("$").at(-1) ?? "";
    const type = byToken.get(token);
    if (type === undefined) throw new Error(`this version of pgsite's provider has no resource type ${token}`);
    return type;
  };
  const contextOf = (urn: string, secrets: readonly Path[]): Context => ({
    isSecret: (property) => secrets.some(([first]) => first === property),
    name: urn.split("::").at(-1) ?? urn,
    signal: cancelled.signal,
    log: (severity, message) => engine.log(urn, severity, message),
    report: async (finding) => {
      await writeDown({ urn, ...finding });
      // Loaded when there is something to say, which is seldom.
      const { findingWords } = await import("../../servers/words/findings.js");
      const { severity, message } = findingWords(finding);
      await engine.log(urn, severity, message);
    },
    progress: (message) => engine.log(urn, "info", message, true),
  });

  const check: Handler<pb.CheckRequest, pb.CheckResponse> = async (request) => {
    const type = typeOf(request.getUrn());
    const news = given(type, request.getNews());
    const olds = opened(type, request.getOlds());
    const response = new pb.CheckResponse();
    const actual = Object.keys(olds.properties).length === 0 ? undefined : olds.properties;
    const lost = lostPlaceOf(news.properties) ?? lostPlaceOf(olds.properties);
    if (lost !== undefined && actual !== undefined) return response.setInputs(request.getOlds());
    const context = contextOf(request.getUrn(), secretsOf(type, news.secrets));
    if (lost !== undefined) {
      const failure = new pb.CheckFailure();
      failure.setReason(cannotBeMade(context.name, lost));
      response.addFailures(failure);
      return response.setInputs(request.getNews());
    }
    if (news.unknown) return response.setInputs(request.getNews());
    const checked = await type.check(context, news.properties, actual);
    for (const problem of checked.problems ?? []) {
      if (problem.severity === "warning") {
        await context.log("warning", problem.message);
      } else {
        // The engine would quote the value of a property that is named here: it is named in the message instead.
        const failure = new pb.CheckFailure();
        failure.setReason(shown(problem.path === "" ? problem.message : `${problem.path}: ${problem.message}`));
        response.addFailures(failure);
      }
    }
    return response.setInputs(toStruct(type, checked.state, secretsOf(type, news.secrets)));
  };

  const diff: Handler<pb.DiffRequest, pb.DiffResponse> = async (request) => {
    const type = typeOf(request.getUrn());
    const olds = asShown(type, request.getOldInputs()).properties;
    const news = asShown(type, request.getNews());
    const found = differences(olds, news.properties).filter((one) => !isToldSince(type, one));
    const { DIFF_SOME, DIFF_NONE } = pb.DiffResponse.DiffChanges;
    const response = new pb.DiffResponse();
    response.setChanges(found.length > 0 ? DIFF_SOME : DIFF_NONE);
    const replaced = type.replaceable === true && !news.unknown && type.id(olds) !== type.id(news.properties);
    // Every difference by its place: what is the same is then left out of the preview.
    response.setHasdetaileddiff(true);
    for (const { path, kind } of shownOf(type, found)) {
      const property = new pb.PropertyDiff();
      property.setKind(propertyKinds[kind][replaced ? 1 : 0]);
      property.setInputdiff(true);
      response.getDetaileddiffMap().set(formatPath(path), property);
    }
    const changed = [...new Set(found.map(({ path }) => `${path[0]}`))];
    response.setDiffsList(changed);
    if (replaced) response.setReplacesList(changed);
    return response;
  };

  const create: Handler<pb.CreateRequest, pb.CreateResponse> = async (request) => {
    const type = typeOf(request.getUrn());
    const { properties, secrets } = opened(type, request.getProperties());
    const all = secretsOf(type, secrets);
    refuseLost(request.getUrn(), properties);
    return keepingUnfinished(type, type.id(properties), all, async () => {
      const state = await type.create(contextOf(request.getUrn(), all), properties);
      const response = new pb.CreateResponse();
      response.setId(type.id(state));
      return response.setProperties(toStruct(type, state, all));
    });
  };

  const read: Handler<pb.ReadRequest, pb.ReadResponse> = async (request) => {
    const type = typeOf(request.getUrn());
    const inputs = opened(type, request.getInputs());
    const outputs = opened(type, request.getProperties());
    const secrets = secretsOf(type, [...inputs.secrets, ...outputs.secrets]);
    const context = contextOf(request.getUrn(), secrets);
    const { reachable: _reachable, ...output } = outputs.properties;
    const last = { ...output, ...waysOf(type, inputs.properties) };
    const known = Object.keys(last).length === 0 ? undefined : last;
    const response = new pb.ReadResponse();
    if (lostPlaceOf({ ...last, ...inputs.properties }) !== undefined) {
      response.setId(request.getId());
      response.setInputs(request.getInputs());
      return response.setProperties(request.getProperties());
    }
    try {
      const found = await type.read(context, request.getId(), known);
      if (found === undefined) return response;
      response.setId(type.id(found));
      const struct = toStruct(type, found, secrets);
      return response.setInputs(struct).setProperties(struct);
    } catch (error) {
      if (known === undefined) throw error;
      await context.report({ kind: "not known", code: codeOf(error), message: messageOf(error) });
      response.setId(request.getId());
      response.setInputs(request.getInputs());
      return response.setProperties(toStruct(type, { ...last, reachable: false }, outputs.secrets));
    }
  };

  const update: Handler<pb.UpdateRequest, pb.UpdateResponse> = async (request) => {
    const type = typeOf(request.getUrn());
    const olds = opened(type, request.getOldInputs());
    const news = opened(type, request.getNews());
    const secrets = secretsOf(type, news.secrets);
    refuseLost(request.getUrn(), news.properties);
    return keepingUnfinished(type, request.getId(), secrets, async () => {
      const state = await type.update(contextOf(request.getUrn(), secrets), news.properties, olds.properties);
      return new pb.UpdateResponse().setProperties(toStruct(type, state, secrets));
    });
  };

  const remove: Handler<pb.DeleteRequest, Empty> = async (request) => {
    const type = typeOf(request.getUrn());
    const { properties, secrets } = opened(type, request.getProperties());
    const context = contextOf(request.getUrn(), secrets);
    const lost = lostPlaceOf(properties);
    if (lost === undefined) await acting(() => type.delete(context, properties));
    else await context.log("warning", isLeft(context.name, lost));
    return new Empty();
  };

  return {
    check: answer(check),
    diff: answer(diff),
    create: answer(create),
    read: answer(read),
    update: answer(update),
    delete: answer(remove),
    // The project bears our name, so the engine takes the whole stack file for the provider's configuration, and would keep all of
    // it in the state: also a secret that stands in it in clear.
    checkConfig: answer(async () => new pb.CheckResponse().setInputs(Struct.fromJavaScript({}))),
    configure: answer(async () => {
      await writeDown({ begun: format });
      // The engine now waits for its other plugins.
      setImmediate(warmUp);
      return new pb.ConfigureResponse().setAcceptsecrets(true);
    }),
    invoke: answer(async (request: pb.InvokeRequest) => {
      if (request.getTok() !== awake)
        throw new Error(`this version of pgsite's provider has no function ${request.getTok()}`);
      return new pb.InvokeResponse().setReturn(Struct.fromJavaScript({}));
    }),
    getPluginInfo: answer(async () => new PluginInfo().setVersion(version)),
    getSchema: answer(async () => new pb.GetSchemaResponse().setSchema("{}")),
    attach: answer(async (request: { getAddress(): string }) => {
      engine.attach(request.getAddress());
      return new Empty();
    }),
    cancel: answer(async () => {
      cancelled.abort();
      return new Empty();
    }),
  };
}

/** What `check` keeps as it is comes by here only where the configuration changed under the engine's feet. */
function refuseLost(urn: string, properties: Properties): void {
  const lost = lostPlaceOf(properties);
  if (lost !== undefined) throw new Error(cannotBeMade(urn.split("::").at(-1) ?? urn, lost));
}

/** What an older pgsite did not say yet of how to get there: a property more, and nothing else; and how something is written. */
function isToldSince({ ways = [], manner = [] }: AnyResourceType, { path, kind }: Difference): boolean {
  if (manner.includes(`${path[0]}`)) return true;
  return kind === "add" && path.length > 1 && typeof path.at(-1) === "string" && ways.includes(`${path[0]}`);
}

function waysOf({ ways = [] }: AnyResourceType, inputs: Properties): Properties {
  return Object.fromEntries(ways.flatMap((name) => (name in inputs ? [[name, inputs[name]] as const] : [])));
}

/**
 * A packed property is shown with all that is the same in it, so it is only where nothing else tells the difference: its
 * resource says in words what follows from it.
 */
function shownOf(type: AnyResourceType, found: readonly Difference[]): readonly Difference[] {
  const own = found.filter(({ path }) => !`${path[0]}`.startsWith("__"));
  const isPacked = ({ path }: Difference) => type.packed?.includes(`${path[0]}`) === true;
  const plain = own.filter((one) => !isPacked(one));
  if (plain.length > 0) return plain;
  return own.filter(isPacked).map(({ path }) => ({ path: path.slice(0, 1), kind: "update" }));
}

function answer<Request, Response>(handler: Handler<Request, Response>): grpc.handleUnaryCall<Request, Response> {
  return (call, callback) => {
    handler(call.request).then(
      (response) => callback(null, response),
      (error: unknown) => callback(grpcError(error)),
    );
  };
}

function grpcError(error: unknown): Partial<grpc.StatusObject> {
  const message = shown(messageOf(error));
  const metadata = new grpc.Metadata();
  if (error instanceof KeptState) {
    const status = new Status().setCode(grpc.status.UNKNOWN).setMessage(message);
    const details = new Any();
    details.pack(error.detail.serializeBinary(), anyType);
    status.addDetails(details);
    metadata.add("grpc-status-details-bin", Buffer.from(status.serializeBinary()));
  }
  return { code: grpc.status.UNKNOWN, details: message, metadata };
}

/** Tells the engine to keep the state of a resource that was not finished. */
class KeptState extends Error {
  constructor(
    message: string,
    readonly detail: pb.ErrorResourceInitFailed,
  ) {
    super(message);
  }
}

async function keepingUnfinished<T>(
  type: AnyResourceType,
  id: string,
  secrets: readonly Path[],
  act: () => Promise<T>,
): Promise<T> {
  try {
    return await acting(act);
  } catch (error) {
    if (!(error instanceof Unfinished)) throw error;
    const state = toStruct(type, error.state as Properties, secrets);
    const detail = new pb.ErrorResourceInitFailed();
    detail.setId(id);
    detail.setProperties(state);
    detail.setInputs(state);
    detail.setReasonsList([shown(error.message)]);
    throw new KeptState(error.message, detail);
  }
}

function secretsOf(type: AnyResourceType, found: readonly Path[]): readonly Path[] {
  return [...found, ...(type.secrets ?? []).map((name) => [name])];
}

/** What the program gives. */
function given(type: AnyResourceType, struct: Struct | undefined): Unwrapped {
  const unwrapped = unwrap(struct === undefined ? {} : (struct.toJavaScript() as Properties));
  return { ...unwrapped, properties: unpack(unwrapped.properties, type.packed ?? []) };
}

/** The state as a preview shows it. */
function asShown(type: AnyResourceType, struct: Struct | undefined): Unwrapped {
  const unwrapped = unwrap(struct === undefined ? {} : (struct.toJavaScript() as Properties));
  return { ...unwrapped, properties: unpack(decodeTexts(unwrapped.properties), type.packed ?? []) };
}

/** The state as resources see it. */
function opened(type: AnyResourceType, struct: Struct | undefined): Unwrapped {
  const state = asShown(type, struct);
  return type.secretsAt === undefined ? state : { ...state, properties: reveal(state.properties) };
}

function toStruct(type: AnyResourceType, properties: Properties, found: readonly Path[]): Struct {
  const { secretsAt } = type;
  const masked = secretsAt === undefined ? properties : conceal(properties, secretsAt);
  const secrets = [...found, ...[concealedIn, ...(type.secretsIn?.(properties) ?? [])].map((name) => [name])];
  const wire = encodeTexts(wrap(pack(masked, type.packed ?? []), secrets));
  return Struct.fromJavaScript(wire as Record<string, JavaScriptValue>);
}
