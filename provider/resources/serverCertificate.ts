import { controlDirectoryOf, controlPath } from "../../config/controlDirectory.js";
import type { HostSpec } from "../../hosts/host.js";
import { permissionsOf } from "../../hosts/permissions.js";
import type { KeyPair } from "../../postgres/certificates/make.js";
import type { Difference } from "../../postgres/differences.js";
import { atLeast, type Major } from "../../postgres/versions.js";
import type { Context } from "../../servers/rollout/reporter.js";
import { hostOf } from "../../servers/status/look.js";
import type { ResourceType } from "../protocol/resource.js";
import { say } from "../protocol/say.js";

export interface ServerCertificateArgs {
  readonly server: string;
  readonly host: HostSpec;
  readonly version: string;
  readonly address: string;
  readonly port: number;
  readonly dataDirectory: string;
  readonly binDirectory: string;
  /** Absolute paths of the certificate and of its key. */
  readonly certificatePath: string;
  readonly keyPath: string;
  /** PEM of the authority. */
  readonly authority: string;
  /** PEM of its private key, where the certificate is made here. */
  readonly authorityKey?: string;
  /** What is given is taken as it is. */
  readonly givenCertificate?: string;
  readonly givenKey?: string;
  /** Of what is made. */
  readonly validityDays: number;
  readonly renewBeforeDays: number;
}

export interface ServerCertificateState extends ServerCertificateArgs {
  /** PEM, as the files have them. */
  readonly certificate: string;
  readonly key: string;
  /** Of the two files: `0600 postgres`. */
  readonly permissions: Readonly<Record<"certificate" | "key", string>>;
  /** What a running server shows to whoever connects; before 10 it takes a restart, which is the rollout's. */
  readonly presents: "this certificate" | "another certificate";
}

/** The first version that reads its certificate again when it is told to reload. */
const reloadsFrom: Major = "10";

/**
 * A server's certificate and key on its host: given, or made and renewed in time. From 10 on a running server takes a new
 * one with a reload, at once, so that also one that has expired comes right by an `up`.
 */
export const serverCertificate: ResourceType<ServerCertificateArgs, ServerCertificateState> = {
  token: "pgsite:index:ServerCertificate",
  secrets: ["authorityKey", "givenKey", "key"],
  packed: ["host"],
  replaceable: true,

  id: ({ host, certificatePath }) => `${host.name}:${certificatePath}`,

  async check(context, args, actual) {
    const now = new Date();
    const pair = await wantedPair(args, actual, now);
    const own = `0600 ${args.host.user}`;
    const permissions = { certificate: own, key: own };
    const state = { ...args, ...pair, permissions, presents: "this certificate" as const };
    if (actual !== undefined) await say(context, await differences(actual, state, now));
    return { state };
  },

  async create(context, state) {
    await install(context, state);
    return state;
  },

  async read(context, _id, known) {
    if (known === undefined) {
      throw new Error(
        "a certificate cannot be imported by its id: give it (tls.certificates), and `pulumi up` adopts it",
      );
    }
    const { certificatePath, keyPath } = known;
    const host = await hostOf(known.host);
    const [certificate, key, ofCertificate, ofKey] = await Promise.all([
      host.readFile(certificatePath),
      host.readFile(keyPath),
      host.stat(certificatePath),
      host.stat(keyPath),
    ]);
    if (certificate === undefined && key === undefined) {
      const object = { kind: "host file", path: certificatePath, host: known.host.name } as const;
      await say(context, [{ server: known.server, object, there: { is: "missing" }, consequence: "install" }]);
      return undefined;
    }
    const found = { ...known, certificate: certificate?.toString("utf8") ?? "", key: key?.toString("utf8") ?? "" };
    const permissions = {
      certificate: ofCertificate === undefined ? "missing" : permissionsOf(ofCertificate),
      key: ofKey === undefined ? "missing" : permissionsOf(ofKey),
    };
    const same = await presentsIt(found, context.signal).catch(() => undefined);
    const presents = same === false ? ("another certificate" as const) : ("this certificate" as const);
    return { ...found, permissions, presents };
  },

  async update(context, wanted) {
    await install(context, wanted);
    return wanted;
  },

  async delete(context, { server, certificatePath, keyPath, host }) {
    await context.log("info", `left the certificate of ${server} on ${host.name} (${certificatePath}, ${keyPath})`);
  },
};

/** What is given; else what is there, for as long as it is good; else a new one. */
async function wantedPair(
  args: ServerCertificateArgs,
  actual: ServerCertificateState | undefined,
  now: Date,
): Promise<KeyPair> {
  const { givenCertificate, givenKey, authority, authorityKey, server, address, validityDays } = args;
  if (givenCertificate !== undefined) return { certificate: givenCertificate, key: givenKey ?? "" };
  const version = args.version as Major;
  if (actual !== undefined) {
    const { isKept } = await import("../../postgres/certificates/judge.js");
    const about = { authority, server, address, version };
    if (isKept(actual, about, args, now)) return { certificate: actual.certificate, key: actual.key };
  }
  const { makeCertificate } = await import("../../postgres/certificates/make.js");
  return makeCertificate({
    authority: { certificate: authority, key: authorityKey ?? "" },
    name: server,
    address,
    validityDays,
    kind: atLeast(version, "9.4") ? "ec" : "rsa",
    now,
  });
}

async function differences(
  is: ServerCertificateState,
  shall: ServerCertificateState,
  now: Date,
): Promise<readonly Difference[]> {
  const { server } = shall;
  const { foundCertificate } = await import("../../postgres/certificates/judge.js");
  const consequence = atLeast(shall.version as Major, reloadsFrom) ? "reload" : "restart in order";
  const object = { kind: "certificate" } as const;
  const fileDifference = (file: "certificate" | "key") =>
    is.permissions[file] === shall.permissions[file]
      ? []
      : [
          {
            server,
            object: { kind: "private file", path: file === "key" ? shall.keyPath : shall.certificatePath } as const,
            there: is.permissions[file],
            declared: shall.permissions[file],
            consequence: "install" as const,
          },
        ];
  return [
    ...(is.certificate === shall.certificate
      ? []
      : [
          {
            server,
            object,
            there: foundCertificate(is.certificate, now),
            declared: foundCertificate(shall.certificate, now),
            consequence,
          } as const,
        ]),
    ...(is.key === shall.key || is.certificate !== shall.certificate
      ? []
      : [
          {
            server,
            object: { kind: "certificate key" },
            there: { is: "another secret" },
            consequence,
          } as const,
        ]),
    ...(is.presents === shall.presents
      ? []
      : [{ server, object, there: { is: "not presented" }, consequence: "reload" } as const]),
    ...fileDifference("certificate"),
    ...fileDifference("key"),
  ];
}

/** Milliseconds in which a server that was told to has read its certificate again. */
const patience = 10_000;

async function install(context: Context, state: ServerCertificateState): Promise<void> {
  const host = await hostOf(state.host);
  const files = [
    [state.keyPath, state.key, "key"],
    [state.certificatePath, state.certificate, "certificate"],
  ] as const;
  for (const [path, text, what] of files) {
    const [found, status] = await Promise.all([host.readFile(path), host.stat(path)]);
    const right = status !== undefined && permissionsOf(status) === state.permissions[what];
    if (found?.toString("utf8") !== text || !right) await host.writeFile(path, text);
  }
  if (!atLeast(state.version as Major, reloadsFrom)) return;
  if ((await presentsIt(state, context.signal).catch(() => undefined)) !== false) return;
  const { processState, reloadServer } = await import("../../servers/process/process.js");
  if ((await processState(host, state.dataDirectory)).kind !== "running") return;
  await reloadServer(host, { ...state, name: state.server });
  const { until } = await import("../../servers/process/until.js");
  const settled = async () => (await presentsIt(state, context.signal).catch(() => undefined)) === true;
  if (await until(settled, { deadline: patience, signal: context.signal })) return;
  throw new Error(
    `${state.server} was told to read its certificate again and does not present it: its log on ${state.host.name} says why (pg_log, or ${controlPath({ controlDirectory: controlDirectoryOf(state.dataDirectory) }, "startLog")})`,
  );
}

/** Undefined where that says nothing: it offers no TLS, or only a restart would bring the files into force. */
async function presentsIt(state: ServerCertificateState, signal: AbortSignal): Promise<boolean | undefined> {
  if (!atLeast(state.version as Major, reloadsFrom)) return undefined;
  const { presentedBy } = await import("../../servers/sql/certificate.js");
  const { certificatesIn } = await import("../../postgres/certificates/judge.js");
  const presented = await presentedBy(state, signal);
  return presented === undefined
    ? undefined
    : presented.fingerprint256 === certificatesIn(state.certificate)[0]?.fingerprint256;
}
