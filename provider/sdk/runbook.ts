import * as pulumi from "@pulumi/pulumi";
import type { HostSpec } from "../../hosts/host.js";
import type { RunbookFacts } from "../../installed/runbook/render.js";

/** What protects one server. */
export interface ServerRunbook {
  readonly host: HostSpec;
  readonly facts: RunbookFacts;
  /** True where the files go with the server. */
  readonly disposable: boolean;
}

export interface RunbookArgs {
  /** Name of the site. */
  readonly site: pulumi.Input<string>;
  /** By the server's name; one that is declared lost is not among them. */
  readonly servers: Readonly<Record<string, ServerRunbook>>;
  /** Each server's password file by its name. Always kept as a secret. */
  readonly passfiles: Readonly<Record<string, pulumi.Input<string>>>;
}

/**
 * The guard and the scripts for operators on every host of a stack, and the peers that these ask. Depends on the `Rollout`:
 * what protects the servers goes by what is in force, and an `up` that is refused or fails leaves it as it was.
 */
export class Runbook extends pulumi.CustomResource {
  constructor(name: string, { site, servers, passfiles }: RunbookArgs, options?: pulumi.CustomResourceOptions) {
    const texts = pulumi.output(passfiles).apply((known) => JSON.stringify(known));
    super(
      "pgsite:index:Runbook",
      name,
      { site, servers: JSON.stringify(servers), passfiles: pulumi.secret(texts), installed: undefined },
      options,
    );
  }
}
