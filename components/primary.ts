import type * as pulumi from "@pulumi/pulumi";
import { Server, type ServerArgs } from "./server.js";

/** The server that is read-write. */
export class Primary extends Server {
  constructor(name: string, args: ServerArgs, options?: pulumi.ComponentResourceOptions) {
    super(name, args, options);
  }
}
