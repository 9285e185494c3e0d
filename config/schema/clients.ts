import * as z from "zod";
import { absolutePath, address, name, osUser, roleName, strict } from "./values.js";

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
  files: z
    .array(
      strict({
        host: name.describe("A key of hosts:"),
        user: osUser.optional().describe("Whom the file belongs to (by default osUser)"),
        path: absolutePath.describe("The whole file is pgsite's"),
        mode: z
          .string()
          .regex(/^0[0-7]{3}$/, 'a mode is four octal digits in quotes: "0640"')
          .default("0600")
          .describe("Who may read it, as chmod takes it: it has a password in it"),
        section: z
          .string()
          .regex(/^[A-Za-z0-9_.:-]+$/, "a section is of letters, digits, _, ., : and -")
          .optional()
          .describe("The section in which the lines stand (by default none)"),
        address: address
          .optional()
          .describe("Where the program finds the server (by default its address): localhost, on the server's own host"),
        database: roleName.describe("The database that the program uses"),
        role: roleName.describe("As whom; its password is the key password-ROLE"),
      }),
    )
    .default([])
    .describe(
      "Files of a program's own (ini: host, port, database, user, password) by which it finds whoever takes writes",
    ),
  hook: z
    .string()
    .min(1)
    .optional()
    .describe(
      "A command for the shell of the machine that runs Pulumi, run when another server has become the primary (PGSITE_PRIMARY, PGSITE_PRIMARY_ADDRESS, PGSITE_PRIMARY_PORT)",
    ),
});
