import * as z from "zod";
import { parseInteger } from "../../postgres/settings/quantities.js";
import { isTimeZone } from "../../postgres/settings/timeZones.js";
import { parseCron } from "../cron.js";
import { cronWords } from "../cronWords.js";
import { absolutePath, bytesOfRate, flag, name, osUser, port, rate, roleName, size, strict } from "./values.js";

/** Says that nothing runs by itself: whoever wants it calls the program. */
export const noSchedule = "none";

const schedule = z.string().superRefine((text, context) => {
  if (text === noSchedule) return;
  const parsed = parseCron(text);
  for (const problem of "problems" in parsed ? parsed.problems : [])
    context.addIssue({ code: "custom", message: `${cronWords(problem)}; or ${noSchedule}` });
});

const timeZone = z
  .string()
  .refine((zone) => isTimeZone(zone), "a time zone is one of the IANA's list: America/Santiago, UTC")
  .optional();

const seconds = z.union([z.string(), z.number()]).transform((given, context) => {
  const parsed = parseInteger("18", "s", `${given}`);
  if (parsed.ok && parsed.value > 0) return parsed.value;
  context.issues.push({ code: "custom", input: given, message: "a time is a number with s, min, h or d: 5min" });
  return z.NEVER;
});

/** `telemetry.monsoon*`: a schema, a dot and a table, with * for anything and ? for one character. */
const tablePattern = z
  .string()
  .regex(/^[^.\r\n\t\0]+\.[^\r\n\t\0]+$/, "a table is SCHEMA.TABLE, with * for anything and ? for one character");
const groupName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_-]{0,39}$/, "a group's name is of lower-case letters, digits, - and _")
  .refine((group) => !["frame", "rest", "whole"].includes(group), "frame, rest and whole are dumps of pgsite's own");

const databaseBackup = strict({
  tables: z.array(tablePattern).default([]).describe("Tables that each are a dump of their own"),
  large: size.optional().describe("Tables of at least this size are each a dump of their own: 1GB"),
  groups: z
    .record(groupName, z.array(tablePattern).min(1))
    .default({})
    .describe("Dumps of several tables by name: what they hold by patterns; the first group that fits a table has it"),
  schemas: z.array(roleName).default([]).describe("Schemas that each are a dump; what no line names goes to the rest"),
});

const copy = strict({
  server: name
    .optional()
    .describe("The server of this stack on whose host it is (by default, without host, the one that makes the backup)"),
  host: name.optional().describe("Another host of hosts:"),
  user: osUser.optional().describe("Whom to log in as there (by default osUser)"),
  port: port.optional().describe("The port of its ssh (by default what ssh itself says)"),
  key: absolutePath
    .optional()
    .describe("The private key's file on the server's host (by default what ssh itself takes)"),
  folder: absolutePath.describe("The folder in which runs are to lie there"),
  rolePasswords: flag
    .default(true)
    .describe("false for a place of another site: neither the roles' passwords nor configuration files go there"),
}).superRefine(({ server, host }, context) => {
  if (server !== undefined && host !== undefined)
    context.addIssue({
      code: "custom",
      path: ["host"],
      message: "name the server or the host that it is on, one of them (neither: the server's own host)",
    });
});

const kept = (what: string) => z.coerce.number().int().min(0).max(1000).describe(what);

export const backups = strict({
  schedule: schedule.describe(`When: a cron expression, or ${noSchedule}`),
  timeZone: timeZone.describe("Of the schedule's times (by default the host's own)"),
  server: name
    .default("primary")
    .describe(
      "primary: whichever server takes writes at that time; or a server that answers queries, whose replay is paused meanwhile",
    ),
  folder: z
    .union([absolutePath, z.record(name, absolutePath)])
    .describe("Where runs lie, a folder each; by server where they differ"),
  databases: z
    .record(roleName, databaseBackup)
    .default({})
    .describe("What is dumped, by database (by default every database); one without rules is one dump"),
  jobs: z.coerce.number().int().min(1).max(64).default(1).describe("How many dumps run at once"),
  compression: z.coerce
    .number()
    .int()
    .min(0)
    .max(9)
    .optional()
    .describe("How hard dumps are compressed, as pg_dump -Z takes it: 0 to 9 (by default pg_dump's own, 6)"),
  lockWait: seconds.default(300).describe("How long a dump waits for a lock on its tables: 5min"),
  nice: z.coerce.number().int().min(0).max(19).default(10).describe("As nice(1) takes it"),
  ionice: z.enum(["idle", "best-effort"]).optional().describe("The class of ionice(1) (by default it is not called)"),
  rateLimit: rate
    .transform(bytesOfRate)
    .optional()
    .describe("Bytes a second of each dump, and of each copy (by default as fast as it goes); takes pv"),
  copies: z.array(copy).default([]).describe("Where each run is copied to (rsync over ssh from host to host)"),
  keep: strict({
    last: kept("The newest runs").default(3),
    daily: kept("The newest run of each of so many days").default(7),
    weekly: kept("The same of weeks").default(4),
    monthly: kept("The same of months").default(0),
  })
    .prefault({})
    .describe("What is kept in each place; the newest verified run always is"),
  drill: strict({
    schedule: schedule.describe(
      `When the newest run is restored into a scratch server: a cron expression, or ${noSchedule}`,
    ),
    server: name.optional().describe("The server on whose host (by default the one that makes the backups)"),
  })
    .optional()
    .describe("Restores a run, compares and removes it: a run counts as verified only then (by default by hand alone)"),
}).describe("Backups by pg_dump, restored and compared (docs/backups.md)");

/** What it means is the condition's to say: `config/watch.ts`. */
const threshold = z.union([z.string(), z.number()]);

export const watch = strict({
  schedule: schedule.default("1 * * * *").describe(`When: a cron expression, or ${noSchedule}`),
  timeZone: timeZone.describe("Of the schedule's times (by default the host's own)"),
  thresholds: z
    .record(z.string(), threshold)
    .default({})
    .describe("From when on something is said (docs/watch.md); none: never"),
  metrics: absolutePath
    .optional()
    .describe("The folder of node_exporter's text files; the OS user must be able to write there"),
}).describe("Looks at every server of the stack at given times, and mails what is wrong (docs/watch.md)");

export const mail = strict({
  to: z
    .string()
    .regex(/^[^\s<>,;]+(, *[^\s<>,;]+)*$/, "recipients are addresses or aliases, separated by commas")
    .describe("Who gets mail of backups and watch: an address, or an alias of the hosts"),
  from: z
    .string()
    .regex(/^[^\s<>,;-][^\s<>,;]*$/, "a sender is one address")
    .optional()
    .describe("The sender (by default the OS user on the host)"),
  aliases: z
    .record(
      z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, "an alias is of letters, digits, ., _ and -"),
      z.array(z.string().regex(/^[^\s,:#"|/][^\s,]*$/, "who gets its mail is an address or a user")).min(1),
    )
    .default({})
    .describe("Lines of /etc/aliases on the hosts: who gets mail to a name; all other lines stay"),
}).describe("Goes by each host's own sendmail program");
