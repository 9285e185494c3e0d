import * as z from "zod";
import { absolutePath, name, osUser, strict } from "./values.js";

const fileName = z
  .string()
  .regex(/^[^/\0\r\n]+$/, "a file's name has no slash and no line break in it")
  .refine((name) => name !== "." && name !== "..", ". and .. are no files")
  .refine((name) => Buffer.byteLength(name) <= 200, "a file's name has at most 200 bytes here");

export const clients = strict({
  links: z
    .array(
      strict({
        host: name.describe("A key of hosts:"),
        user: osUser.optional().describe("Whom to act as there (by default osUser)"),
        folder: absolutePath.describe("Where the links are, and beside them a file for each server: NAME_SERVER"),
        names: z.array(fileName).min(1).describe("Links, each to the file for the primary: constants.cfg"),
      }),
    )
    .default([])
    .describe("Links that lead programs to the primary: constants.cfg -> constants.cfg_server2; they move with it"),
  serviceFiles: z
    .array(
      strict({
        host: name.describe("A key of hosts:"),
        user: osUser.optional().describe("Whom the file belongs to (by default osUser)"),
        path: absolutePath.describe("The whole file is pgsite's"),
      }),
    )
    .default([])
    .describe("Where a pg_service.conf is to lie, whose service has the site's name and leads to whoever takes writes"),
  hook: z
    .string()
    .min(1)
    .optional()
    .describe(
      "A command for the shell of the machine that runs Pulumi, run when another server has become the primary (PGSITE_PRIMARY, PGSITE_PRIMARY_ADDRESS, PGSITE_PRIMARY_PORT)",
    ),
});
