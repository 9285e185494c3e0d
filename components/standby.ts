import type * as pulumi from "@pulumi/pulumi";
import { Server, type ServerArgs } from "./server.js";

/** A server at the site that follows the primary: warm (hot_standby off) or hot. */
export class Standby extends Server {
  constructor(name: string, args: ServerArgs, options?: pulumi.ComponentResourceOptions) {
    super(name, args, options);
  }
}
