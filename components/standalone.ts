import type * as pulumi from "@pulumi/pulumi";
import { Server, type ServerArgs } from "./server.js";

/** The server of a database that exists once: read-write, and followed by nobody. */
export class Standalone extends Server {
  constructor(name: string, args: ServerArgs, options?: pulumi.ComponentResourceOptions) {
    super(name, args, options);
  }
}
