import * as z from "zod";
import { isTimeZone } from "../../postgres/settings/timeZones.js";
import { minutesOf } from "../../postgres/upgrade/window.js";
import { flag, roleName, strict } from "./values.js";

const clock = z.string().refine((text) => minutesOf(text) !== undefined, 'a time of day is HH:MM, in quotes: "22:00"');

/** As people write them; 0 is Sunday, as in cron. */
export const weekdays = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"] as const;

const window = strict({
  from: clock.describe("When it opens: HH:MM"),
  until: clock.describe("When it closes; the next day, where it is not later than from"),
  days: z
    .array(z.enum(weekdays))
    .min(1)
    .optional()
    .describe("Days on which it opens: sun, mon, tue, wed, thu, fri, sat (by default each)"),
  timeZone: z
    .string()
    .refine((zone) => isTimeZone(zone), "a time zone is one of the IANA's list: America/Santiago, UTC")
    .describe("Whose clock that is"),
});

const step = strict({
  name: z.string().min(1).max(80).describe("What is to change: web console"),
  command: z
    .string()
    .min(1)
    .optional()
    .describe("A shell command on the machine that runs pgsite (by default it is done by hand)"),
});

/** `rt_log*.*`: a schema, a dot and a table. */
const tablePattern = z
  .string()
  .regex(/^[^.\r\n\t\0]+\.[^\r\n\t\0]+$/, "a table is SCHEMA.TABLE, with * for anything and ? for one character");

export const upgrade = strict({
  method: z
    .enum(["auto", "clone", "copy", "link", "dump"])
    .default("auto")
    .describe(
      "pg_upgrade by clone (the file system shares blocks: XFS, Btrfs), copy or link, or dump and restore; auto: clone, else copy, and dump where pg_upgrade cannot. link leaves no way back",
    ),
  jobs: z.coerce.number().int().min(1).max(64).default(2).describe("How many workers of pg_upgrade, or of the dump"),
  acceptNoRollback: flag
    .default(false)
    .describe("The word that link takes: once the new server has run, the old data cannot be started again"),
  window: window.optional().describe("When servers may be stopped for it (by default at any time)"),
  defer: z
    .record(roleName, z.array(tablePattern))
    .default({})
    .describe("By database: tables whose rows follow while the new server works already; takes dump"),
  after: z
    .array(step)
    .default([])
    .describe("What else has to change after the database, in order: pgsite upgrade after goes through it"),
}).describe("How data come to another major version, when postgresql: says one (docs/upgrade.md)");
