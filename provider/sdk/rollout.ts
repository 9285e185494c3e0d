import * as pulumi from "@pulumi/pulumi";
import type { LostServer } from "../../config/lost.js";
import type { BaseBackupChoice, Endpoint, Server } from "../../config/site.js";
import type { KnownMirror } from "../../postgres/rollout/mirrors.js";
import type { PlannedStep, Refusal } from "../../postgres/rollout/model.js";
import { configurationFacts } from "../../servers/data/configurationFacts.js";

export interface RolloutArgs {
  /** Name of the site. */
  readonly site: pulumi.Input<string>;
  /** Every server of the stack by name, as described, files included: the provider gets their hashes and settings. */
  readonly servers: pulumi.Input<Readonly<Record<string, Server>>>;
  /** Those of the stack that are declared lost, by name; they are not among `servers`. */
  readonly lost?: pulumi.Input<Readonly<Record<string, LostServer>>> | undefined;
  /** `Site.fence`, where something is lost. */
  readonly fence?: pulumi.Input<string> | undefined;
  /** `Site.baseBackup`, where it is not the default. */
  readonly baseBackup?: pulumi.Input<BaseBackupChoice> | undefined;
  /** Servers of other stacks that follow servers of this one: previews say what becomes of them. */
  readonly __mirrors?: pulumi.Input<readonly KnownMirror[]>;
  /** `Site.seedAgain` */
  readonly __seedAgain?: pulumi.Input<readonly string[]>;
  /** `Site.primary` */
  readonly primary?: pulumi.Input<string> | undefined;
  /** `Site.upstream` */
  readonly upstream?: pulumi.Input<Endpoint> | undefined;
  /** `Site.others` */
  readonly others?: pulumi.Input<readonly Endpoint[]>;
  readonly administrator: pulumi.Input<string>;
  /** Always kept as a secret. */
  readonly administratorPassword: pulumi.Input<string>;
}

/**
 * Brings what `ServerConfiguration` staged into force: one server at a time, in the order that hot standby needs, each
 * proven to work before the next; starts what is stopped. Previews show the plan. Depends on
 * everything else of the stack's servers.
 */
export class Rollout extends pulumi.CustomResource {
  /** Steps in their order; empty where there is nothing to do, or nothing may be done. */
  declare readonly plan: pulumi.Output<readonly PlannedStep[]>;
  /** Why nothing may be done. */
  declare readonly refusals: pulumi.Output<readonly Refusal[] | undefined>;

  constructor(name: string, args: RolloutArgs, options?: pulumi.CustomResourceOptions) {
    super(
      "pgsite:index:Rollout",
      name,
      {
        ...args,
        administratorPassword: pulumi.secret(args.administratorPassword),
        // Only what a preview alone asks: an `up` is the same whether one came before it.
        preview: pulumi.runtime.isDryRun(),
        servers: pulumi.output(args.servers).apply((servers) => JSON.stringify(mapServers(servers))),
        plan: undefined,
        refusals: undefined,
      },
      options,
    );
  }
}

/** Servers as the provider gets them: digests in place of files. */
export function mapServers(servers: Readonly<Record<string, Server>>) {
  return Object.fromEntries(
    Object.entries(servers).map(([name, { files, settings: _settings, disposable: _disposable, ...server }]) => {
      const present = Object.entries(files).flatMap(([file, text]) => (text === null ? [] : [[file, text] as const]));
      const absent = Object.keys(files).filter((file) => files[file] === null);
      return [name, { ...server, ...configurationFacts(Object.fromEntries(present), server.version), absent }];
    }),
  );
}
