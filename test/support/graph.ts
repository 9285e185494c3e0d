import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import type { RegisterResourceRequest as Request } from "@pulumi/pulumi/proto/resource_pb.js";
import { expect } from "vitest";
import { rawConfiguration } from "../../cli/rehearsal/stackFiles.js";
import { Site } from "../../components/site.js";
import type { RawConfiguration } from "../../config/parse.js";
import { type ResolvedStack, resolveStack } from "../../config/resolve.js";
import { makeAuthority } from "../../postgres/certificates/make.js";
import { checkout } from "../../toolchain/paths.mjs";

/** A resource as the program registers it. */
export interface Registered {
  readonly type: string;
  readonly name: string;
  readonly parent: string;
  readonly dependsOn: readonly string[];
  /** As they go to the engine: a secret is an envelope. */
  readonly inputs: Record<string, unknown>;
  readonly aliases: number;
  /** Of the plugin that is asked for; "" for whichever is there. */
  readonly version: string;
  readonly retainOnDelete: boolean;
  readonly deleteBeforeReplace: boolean;
}

/** What stands for every certificate and its key. */
export const authority = await makeAuthority({ name: "an authority", validityDays: 1, now: new Date() });

/** Every role's. */
export const password = "the only password";

/** The graph that a stack's program registers, its shape alone: nothing behind it is real. */
export async function graphOf(stack: string, raw: RawConfiguration): Promise<readonly Registered[]> {
  await pulumi.runtime.setMocks(
    {
      newResource: ({ name, inputs }) => ({
        id: name,
        state: {
          ...inputs,
          incarnation: 1,
          generation: 0,
          imageId: `sha256:${inputs.name}`,
          certificate: authority.certificate,
          key: pulumi.secret("the only key"),
        },
      }),
      call: () => ({}),
    },
    "pgsite",
    stack,
    false,
  );
  const registered = recorded();
  const { stack: resolved, problems } = resolveStack(stack, raw);
  expect(problems.filter(({ severity }) => severity === "error")).toEqual([]);
  new Site("sispi", { stack: resolved as ResolvedStack, passwordOf: () => pulumi.secret(password) });
  await pulumi.runtime.disconnect();
  return registered;
}

/** What the monitor of the mocks is asked to register. They themselves tell of neither parents nor dependencies. */
function recorded(): readonly Registered[] {
  const monitor = pulumi.runtime.getMonitor();
  if (monitor === undefined) throw new Error("there are no mocks");
  const registered: Registered[] = [];
  const register = monitor.registerResource.bind(monitor) as (request: Request, ...rest: unknown[]) => unknown;
  const recording = (request: Request, ...rest: unknown[]) => {
    registered.push({
      type: request.getType(),
      name: request.getName(),
      parent: nameIn(request.getParent()),
      dependsOn: request.getDependenciesList().map(nameIn).sort(),
      inputs: (request.getObject()?.toJavaScript() ?? {}) as Record<string, unknown>,
      aliases: request.getAliasesList().length + request.getAliasurnsList().length,
      version: request.getVersion(),
      retainOnDelete: request.getRetainondelete() ?? false,
      deleteBeforeReplace: request.getDeletebeforereplace() ?? false,
    });
    return register(request, ...rest);
  };
  Object.assign(monitor, { registerResource: recording });
  return registered;
}

function nameIn(urn: string): string {
  return urn.split("::").at(-1) ?? "";
}

/** A committed stack's configuration, with changes. */
export function committed(stack: string, changes: RawConfiguration = {}): RawConfiguration {
  return { ...rawConfiguration(readFileSync(join(checkout, `Pulumi.${stack}.yaml`), "utf8")), ...changes };
}
