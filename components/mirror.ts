import type * as pulumi from "@pulumi/pulumi";
import { Server, type ServerArgs } from "./server.js";

/** A hot standby far away, always open for read-only queries. */
export class Mirror extends Server {
  constructor(name: string, args: ServerArgs, options?: pulumi.ComponentResourceOptions) {
    super(name, args, options);
  }
}
