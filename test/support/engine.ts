import type { Rehearsal } from "../../cli/rehearsal/rehearsal.js";
import type { Major } from "../../postgres/versions.js";
import type { Difference } from "../../provider/protocol/wire.js";
import { differences, type Properties, unpack } from "../../provider/protocol/wire.js";
import { resourceTypes } from "../../provider/resources/index.js";
import type { Context } from "../../servers/rollout/reporter.js";
import { endSharedSessions } from "../../servers/sql/sharedSession.js";
import { forgetRefresh } from "../../servers/status/refresh.js";
import type { Finding } from "../../servers/status/report.js";
import { reportBy } from "./reportBy.js";

type State = Readonly<Record<string, unknown>>;
type AnyType = (typeof resourceTypes)[number];

interface Resource {
  readonly name: string;
  readonly type: AnyType;
  readonly id: string;
  /** As declared; also the last known state. */
  readonly declared: State;
  /** As declared since. @default declared */
  readonly wanted?: State;
}

export interface Shown {
  /** One line each, of every resource: what a plain preview prints among its diagnostics. */
  readonly said: readonly string[];
  /** The same as data, without what is told to people alone. */
  readonly found: readonly Finding[];
  /** Names of the resources that the engine would update. */
  readonly changed: readonly string[];
  readonly details: string;
}

/**
 * A stack's resources, with the provider called in process as the engine calls it: read, check, compare, update, in the
 * order in which they were made. Much quicker than the engine, and the servers are as real.
 */
export class InProcess {
  private constructor(readonly resources: readonly Resource[]) {}

  static async of(rehearsal: Rehearsal, stack: string): Promise<InProcess> {
    const { stdout } = await rehearsal.pulumi(["stack", "export", "--show-secrets", "--stack", stack]);
    const { deployment } = JSON.parse(stdout) as { deployment: { resources: ExportedResource[] } };
    const byToken = new Map(resourceTypes.map((type) => [type.token, type]));
    return new InProcess(
      deployment.resources.flatMap(({ urn, type, id, inputs }) => {
        const known = byToken.get(type);
        if (known === undefined || inputs === undefined) return [];
        return [
          {
            name: urn.split("::").at(-1) ?? "",
            type: known,
            id: id ?? "",
            declared: unpack(opened(inputs) as Properties, known.packed ?? []),
          },
        ];
      }),
    );
  }

  /** The same stack with another version of PostgreSQL declared. */
  declaring(version: Major): InProcess {
    const changed = (state: State): State => ({
      ...state,
      ...("version" in state ? { version } : {}),
      ...("servers" in state && !Array.isArray(state.servers)
        ? {
            servers: Object.fromEntries(
              Object.entries(state.servers as Readonly<Record<string, State>>).map(([name, server]) => [
                name,
                { ...server, version },
              ]),
            ),
          }
        : {}),
    });
    return new InProcess(this.resources.map((one) => ({ ...one, wanted: changed(one.declared) })));
  }

  async preview(): Promise<Shown> {
    const { said, found, steps } = await this.#plan();
    const changed = steps.filter(({ found }) => found.length > 0);
    return {
      said,
      found,
      changed: changed.map(({ resource }) => resource.name),
      details: changed.map(({ resource, found }) => `${resource.name}: ${JSON.stringify(found)}`).join("\n"),
    };
  }

  /** What was said, also while it was brought about. @throws what a resource throws */
  async up(): Promise<readonly string[]> {
    const { said, steps } = await this.#plan();
    for (const { resource, actual, wanted, found } of steps) {
      if (found.length === 0) continue;
      const context = contextFor(resource.name, said, []);
      if (actual === undefined) await resource.type.create(context, wanted);
      else await resource.type.update(context, wanted, actual);
    }
    return said;
  }

  async #plan() {
    // The engine starts the provider anew for each run.
    forgetRefresh();
    await endSharedSessions();
    const said: string[] = [];
    const told: Finding[] = [];
    const steps = await Promise.all(
      this.resources.map(async (resource) => {
        const context = contextFor(resource.name, said, told);
        const actual = await this.#read(resource, context);
        const { state, problems = [] } = await resource.type.check(
          context,
          resource.wanted ?? resource.declared,
          actual,
        );
        for (const { message } of problems) said.push(message);
        const found: readonly Difference[] = differences(actual, state);
        return { resource, actual, wanted: state as State, found };
      }),
    );
    return { said, found: told, steps };
  }

  async #read({ type, id, declared }: Resource, context: Context): Promise<State | undefined> {
    try {
      return (await type.read(context, id, declared)) as State | undefined;
    } catch (error) {
      await context.log("warning", (error as Error).message);
      return declared;
    }
  }
}

interface ExportedResource {
  readonly urn: string;
  readonly type: string;
  readonly id?: string;
  readonly inputs?: Readonly<Record<string, unknown>>;
}

function contextFor(name: string, said: string[], found: Finding[]): Context {
  const log: Context["log"] = async (_severity, message) => {
    said.push(message);
  };
  return {
    name,
    signal: new AbortController().signal,
    isSecret: (property) => property === "content",
    log,
    report: (finding) => {
      found.push(finding);
      return reportBy(log)(finding);
    },
    progress: async () => undefined,
  };
}

/** An exported secret is an envelope with its plain text as JSON. */
function opened(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(opened);
  if (typeof value !== "object" || value === null) return value;
  if ("plaintext" in value) return JSON.parse(String(value.plaintext));
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, opened(inner)]));
}
