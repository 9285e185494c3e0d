import * as z from "zod";
import { nearest } from "../../postgres/problem.js";
import { parseInteger, parseReal } from "../../postgres/settings/quantities.js";

/** What values of a stack file may be, wherever they stand. */

export const name = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9_-]*[a-z0-9])?$/, "a name is made of lower-case letters, digits, - and _")
  .max(40);
export const roleName = z
  .string()
  .min(1)
  .regex(/^[^\r\n\0]*$/, "a name has no line break in it");
export const absolutePath = z
  .string()
  .regex(/^\/[^\0\r\n]*$/, "a path is absolute")
  .refine((path) => !path.split("/").includes(".."), "a path has no .. in it")
  .refine((path) => path === "/" || !path.endsWith("/"), "a path does not end in /");
/** pg_ctl and initdb put these into double quotes of a command line, and give that to a shell. */
export const pathOfServer = absolutePath.refine(
  (path) => !/["$`\\]/.test(path),
  "PostgreSQL's own pg_ctl hands it to a shell, which would execute what \" $ ` or \\ mean in it: take a path without them",
);
export const port = z.coerce.number().int().min(1).max(65535);
export const address = z
  .string()
  .regex(/^[A-Za-z0-9_:][A-Za-z0-9_.:-]*$/, "an address is an IP address or a host name");
export const osUser = z
  .string()
  .regex(
    /^[A-Za-z_][A-Za-z0-9_.-]*\$?$/,
    "an OS user is made of letters, digits, _, . and -, and begins with a letter or _",
  )
  .max(32);
/** Who runs servers: programs that a stack file names run as that user. */
export const serverUser = osUser.refine(
  (user) => user !== "root",
  "PostgreSQL refuses to run as root, and nothing that a stack file names runs as root: take an unprivileged user (postgres)",
);
export const flag = z.union([z.boolean(), z.enum(["true", "false"]).transform((text) => text === "true")]);

/** Bytes. */
export const size = z.union([z.string(), z.number()]).transform((given, context) => {
  const parsed = parseReal("18", "B", `${given}`);
  if (parsed.ok && parsed.value >= 0) return parsed.value;
  context.issues.push({ code: "custom", input: given, message: "a size is a number with B, kB, MB, GB or TB: 1GB" });
  return z.NEVER;
});

/** What stands in it is judged with everything that it must fit, and never quoted: it may be a key by mistake. */
export const pem = z.string().min(1);

/** A list, for settings that hold one (`listKind`): shared_preload_libraries: [pg_stat_statements, auto_explain]. */
const elements = z.array(z.union([z.string(), z.number()]).transform(String));
export const settingValue = z.union([z.string(), z.number(), z.boolean(), elements]);

/** What pg_basebackup takes; read as kB a second. */
const slowest = 32;
const fastest = 1024 * 1024;

export const rate = z
  .string()
  .regex(/^[1-9][0-9]*(kB|MB|GB)$/, {
    error: "a rate is a whole number with kB, MB or GB (a second): 20MB",
    abort: true,
  })
  .refine(
    (text) => {
      const kilobytes = parseInteger("18", "kB", text);
      return kilobytes.ok && kilobytes.value >= slowest && kilobytes.value <= fastest;
    },
    { error: "a rate is between 32kB and 1024MB a second" },
  );

/** The schema has seen to it that it is a rate. */
export function bytesOfRate(rate: string): number {
  const kilobytes = parseInteger("18", "kB", rate);
  return kilobytes.ok ? kilobytes.value * 1024 : Number.NaN;
}

/** An object that refuses unknown keys, and says which known one was probably meant. */
export function strict<Shape extends z.core.$ZodLooseShape>(shape: Shape) {
  const known = Object.keys(shape);
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code !== "unrecognized_keys") return undefined;
      const meant = issue.keys.map((key) => {
        const near = nearest(key, known);
        return near === undefined ? `"${key}"` : `"${key}" (did you mean ${near}?)`;
      });
      return `unknown: ${meant.join(", ")}; known here: ${known.join(", ")}`;
    },
  });
}
