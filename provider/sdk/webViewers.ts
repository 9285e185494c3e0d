import * as pulumi from "@pulumi/pulumi";
import type { Viewers } from "../../config/viewers.js";
import { packed, packedOutput } from "./packed.js";

export interface WebViewersArgs {
  readonly viewers: Viewers;
  /** By role, of those as whom the applications log in. */
  readonly passwords: Readonly<Record<string, pulumi.Input<string>>>;
}

/** Apache, its applications, and the links by which they find the server that takes writes. Depends on the `Rollout`. */
export class WebViewers extends pulumi.CustomResource {
  constructor(name: string, { viewers: all, passwords }: WebViewersArgs, options?: pulumi.CustomResourceOptions) {
    const { links, ...viewers } = all;
    super(
      "pgsite:index:WebViewers",
      name,
      {
        ...packed({ viewers }, ["viewers"]),
        links,
        passwords: pulumi.secret(packedOutput(pulumi.output(passwords))),
        ...Object.fromEntries(found.map((property) => [property, undefined])),
      },
      options,
    );
  }
}

/** What the provider adds. */
const found = ["files", "secretFiles", "httpd", "unmet", "boot"] as const;
