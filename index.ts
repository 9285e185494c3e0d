import { dirname } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { serveHandover } from "./cli/context/serve.js";
import { siblingsOf } from "./cli/siblings.js";
import { plainly } from "./components/plainly.js";
import { Site } from "./components/site.js";
import { contradictions, lookElsewhere, mirrorsOf, raisedTooEarly, type ServerOutput } from "./components/upstream.js";
import type { Clients } from "./config/clients.js";
import {
  passwordKey,
  privateKeyKey,
  type RawConfiguration,
  rolesWithPassword,
  serversWithKey,
} from "./config/parse.js";
import { type ResolvedStack, resolveStack } from "./config/resolve.js";
import { secretsInClear } from "./config/secrets.js";
import { checkSiblings } from "./config/siblings.js";
import type { Server, Site as SiteDescription } from "./config/site.js";
import { error, type Problem } from "./postgres/problem.js";
import type { Note } from "./postgres/settings/resolve.js";
import { floorSettings } from "./postgres/settings/rules.js";
import { shownInLine } from "./postgres/shown.js";
import { awaken } from "./provider/sdk/index.js";

/** One stack: its configuration read and checked, its site composed, what others may know of it exported. */
export default async function main() {
  // The SDK takes a stack for every resource and promise, and its runner looks each line up in source maps: a bundle has none.
  delete (Error as { prepareStackTrace?: unknown }).prepareStackTrace;
  // The SDK's debug messages hold every value as it comes back from the engine, opened: private keys too. Whoever asks for them
  // (--debug, an event log) gets the engine's own, which knows what is secret.
  Object.assign(pulumi.log, { debug: async () => undefined });
  // A preview goes without stacks too; with a call to the engine for each debug message they cost a seventh of it, of twelve servers.
  if (pulumi.runtime.isDryRun()) {
    Error.stackTraceLimit = 0;
    // In an update it would make a default provider for a stack file that is refused.
    await awaken();
  }
  const name = pulumi.getStack();
  const raw = pulumi.runtime.allConfig();
  const { stack, problems, description, holes } = resolveStack(name, raw, { complete: !pulumi.runtime.isDryRun() });
  const siblings = holes.certain(await checkSiblings(description, await siblingsOf(name, projectFolder)));
  const inClear = [...passwordsInClear(raw), ...secretsInClear(description, encryptedKeys)];
  refuse(name, [...problems, ...siblings, ...inClear]);
  const { site, notes, clients } = stack as ResolvedStack;
  if (notes.length > 0) void pulumi.log.info(`translated to PostgreSQL ${site.version}:${listed(notes)}`);
  const others = await Promise.all(
    [contradictions, raisedTooEarly, lookElsewhere].map((check) => check(stack as ResolvedStack)),
  );
  refuse(name, others.flat());
  if (stack?.containers !== undefined) await needDockerPlugin();

  const config = new pulumi.Config();
  const passwordOf = (role: string) => config.getSecret(passwordKey(role));
  const keyOf = (server: string) => config.getSecret(privateKeyKey(server));
  const mirrors = await mirrorsOf(stack as ResolvedStack);
  const { rollout, authority } = new Site(site.name, { stack: stack as ResolvedStack, passwordOf, keyOf, mirrors });
  if (!pulumi.runtime.isDryRun()) serveHandover(site, passwordOf, authority);
  return {
    primary: site.primary ?? site.upstream?.name,
    ...(authority === undefined ? {} : { authority }),
    ...(site.primary === undefined ? {} : connectionOf(clients)),
    // What other stacks hold their own against: true once the rollout is through.
    servers: rollout.plan.apply(() =>
      Object.fromEntries(site.servers.map((server) => [server.name, outputOf(server, site)])),
    ),
  };
}

/** Pulumi tells a program nothing of where its stack files lie: in the clone, or where somebody says. */
const projectFolder = process.env.PGSITE_PROJECT ?? dirname(__dirname);

/** Says what is worth a warning, and ends the run where anything is wrong: all of it at once, before anything is done. */
function refuse(stack: string, problems: readonly Problem[]): void {
  for (const { path, message, severity } of problems) {
    if (severity === "warning") void pulumi.log.warn(shownInLine(`${path}: ${message}`));
  }
  const errors = problems.filter(({ severity }) => severity === "error");
  if (errors.length === 0) return;
  const count = errors.length === 1 ? "1 problem" : `${errors.length} problems`;
  throw plainly(new pulumi.RunError(`${count} in Pulumi.${stack}.yaml; nothing was touched:${listed(errors)}\n`));
}

/** Nothing asks for the plugin where no container is to be made. */
async function needDockerPlugin(): Promise<void> {
  const { missingDockerPlugin } = await import("./components/dockerPlugin.js");
  const missing = await missingDockerPlugin(dirname(__dirname));
  if (missing !== undefined) throw plainly(new pulumi.RunError(missing));
}

function listed(notes: readonly Note[]): string {
  return notes.map(({ path, message }) => `\n  ${shownInLine(`${path}: ${message}`)}`).join("");
}

/** Pulumi tells its language host which keys are encrypted in the stack file, or have something encrypted within. */
const encryptedKeys = JSON.parse(process.env.PULUMI_CONFIG_SECRET_KEYS || "[]") as readonly string[];

function passwordsInClear(raw: RawConfiguration): Problem[] {
  return [...rolesWithPassword(raw).map(passwordKey), ...serversWithKey(raw).map(privateKeyKey)]
    .filter((key) => !encryptedKeys.includes(`pgsite:${key}`))
    .map((key) =>
      error(key, `is stored in clear: pulumi config set --secret ${key} encrypts it (and choose a new one)`),
    );
}

/** How clients reach whoever takes writes. */
function connectionOf({ connectionString, serviceFile }: Clients) {
  return { connectionString, serviceFile };
}

function outputOf(server: Server, { upstream, others = [] }: SiteDescription): ServerOutput {
  const { role, lost, address, port, dataDirectory, hotStandby, version, settings } = server;
  const followed = upstream !== undefined && server.upstream === upstream.name ? [upstream, ...others] : [];
  const names = floorSettings(version).filter((setting) => setting in settings);
  return {
    role,
    address,
    port,
    dataDirectory,
    hotStandby,
    ...(lost === undefined ? {} : { lost: true }),
    ...(followed.length === 0 ? {} : { follows: followed.map(({ name, address, port }) => ({ name, address, port })) }),
    floors: Object.fromEntries(names.map((setting) => [setting, settings[setting] as string])),
  };
}
