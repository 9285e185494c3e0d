import * as z from "zod";
import { flag, roleName, settingValue, strict } from "./values.js";

/** By name; sessions begin with them. What is there beside these is undone. */
const sessionSettings = z.record(z.string(), settingValue).default({});

export const role = strict({
  login: flag.default(true).describe("Its password is the key password-ROLE"),
  superuser: flag.default(false).describe("SUPERUSER"),
  replication: flag.default(false).describe("9.1 and later; before, only a superuser may replicate"),
  createdb: flag.default(false).describe("CREATEDB"),
  createrole: flag.default(false).describe("CREATEROLE"),
  connectionLimit: z.coerce.number().int().min(-1).default(-1).describe("CONNECTION LIMIT; -1 is none"),
  memberOf: z.array(roleName).default([]).describe("Roles that it is a member of"),
  settings: sessionSettings.describe("Settings of its sessions, as ALTER ROLE … SET gives them: search_path, work_mem"),
  databaseSettings: z
    .record(roleName, sessionSettings)
    .default({})
    .describe("The same in one database alone, by its name (ALTER ROLE … IN DATABASE … SET)"),
});

export const database = strict({
  owner: roleName.optional().describe("By default the administrator"),
  encoding: z.string().optional().describe("ENCODING, at creation (by default the template's)"),
  locale: z.string().optional().describe("LC_COLLATE and LC_CTYPE, at creation (by default the template's)"),
  template: z.string().optional().describe("TEMPLATE, at creation (by default template1)"),
  connectionLimit: z.coerce.number().int().min(-1).default(-1).describe("CONNECTION LIMIT; -1 is none"),
  schemas: z
    .union([
      z.array(roleName),
      z.record(roleName, strict({ owner: roleName.optional().describe("By default the database's owner") })),
    ])
    .default([])
    .describe(
      "Schemas in it: names, or `{NAME: {owner: ROLE}}` (by default the database's owner). None is ever dropped; others are left alone",
    ),
  settings: sessionSettings.describe("Settings of sessions in it, as ALTER DATABASE … SET gives them"),
});
