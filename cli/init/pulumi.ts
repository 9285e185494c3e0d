import { knownStacks, runPulumi } from "../pulumi.js";
import type { Asker } from "./questions.js";

/** Milliseconds for a question to Pulumi's state. */
const patience = 60_000;

/** Where a stack is kept, and how its secrets are encrypted. */
export interface BackEnd {
  readonly url: string;
  readonly secretsProvider?: string;
  /** What its commands get in their environment beside ours. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * The back end that the user has chosen, before anything else is done: nothing is written if it cannot hold a new stack.
 * @throws with what to do
 */
export async function backEndFor(
  project: string,
  stack: string,
  secretsProvider: string | undefined,
  asker: Asker | undefined,
): Promise<BackEnd> {
  const { stdout, exitCode, failure } = await runPulumi(project, ["whoami", "--json"], patience);
  if (exitCode === undefined) throw new Error(failure);
  const { url } = (exitCode === 0 ? JSON.parse(stdout) : {}) as { url?: string };
  if (url === undefined) {
    throw new Error(
      `Pulumi has nowhere to keep the stack yet: choose a back end, then run this again (docs/state.md)
  pulumi login 'file:///srv/pulumi?metadata=skip'   # a folder that is there, for one person on this machine
  pulumi login 's3://BUCKET/pgsite'                 # for a team`,
    );
  }
  await mustBeNew(project, stack);
  const env = isService(url) || secretsProvider !== undefined ? {} : await passphrase(asker);
  return { url, env, ...(secretsProvider === undefined ? {} : { secretsProvider }) };
}

/** Pulumi's own service encrypts by itself; every other back end has the user's passphrase, or a key service. */
function isService(url: string): boolean {
  return /^https?:/.test(url);
}

async function mustBeNew(project: string, stack: string): Promise<void> {
  const known = await knownStacks(project);
  if (known.includes(stack)) {
    throw new Error(
      `Pulumi has a stack ${stack} already, whose file Pulumi.${stack}.yaml is not here: bring the file back (git), or choose another name by --stack`,
    );
  }
}

async function passphrase(asker: Asker | undefined): Promise<Readonly<Record<string, string>>> {
  const { PULUMI_CONFIG_PASSPHRASE: given, PULUMI_CONFIG_PASSPHRASE_FILE: file } = process.env;
  if (given !== undefined || file !== undefined) return {};
  if (asker === undefined) {
    throw new Error(
      "a passphrase encrypts the stack's passwords, and none is set: put it into PULUMI_CONFIG_PASSPHRASE, or its file's path into PULUMI_CONFIG_PASSPHRASE_FILE (a key service in its place: --secrets-provider)",
    );
  }
  const chosen = await asker.secret("a passphrase that encrypts the stack's passwords; keep it, Pulumi asks for it");
  return { PULUMI_CONFIG_PASSPHRASE: chosen };
}

/** Makes the stack, whose file is there. @throws in Pulumi's words */
export async function makeStack(project: string, stack: string, { secretsProvider, env }: BackEnd): Promise<void> {
  const provider = secretsProvider === undefined ? [] : ["--secrets-provider", secretsProvider];
  const { failure } = await runPulumi(project, ["stack", "init", stack, ...provider], patience, { env });
  if (failure !== undefined) throw new Error(`Pulumi could not make the stack ${stack}: ${failure}`);
}

/** Encrypts a value into the stack's file. It goes by standard input. @throws in Pulumi's words */
export async function setSecret(
  project: string,
  stack: string,
  key: string,
  input: string,
  { env }: BackEnd,
): Promise<void> {
  const args = ["config", "set", "--secret", key, "--stack", stack];
  const { failure } = await runPulumi(project, args, patience, { env, input });
  if (failure !== undefined) throw new Error(`Pulumi could not keep ${key} of the stack ${stack}: ${failure}`);
}
