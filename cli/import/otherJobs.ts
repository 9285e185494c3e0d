import { dirname } from "node:path";
import { controlDirectoryOf } from "../../config/controlDirectory.js";
import { isOfHost } from "../../hosts/host.js";
import { hostOf } from "../../hosts/index.js";
import { aliasValue } from "../../installed/aliases.js";
import { maskedAt, secretsInText } from "../../postgres/secrets/index.js";
import { jobPrograms, otherJobsScript } from "./otherJobsScript.js";
import type { HandMade } from "./read.js";

/** Something on a host that an import names and does not take: it goes on as it is. */
export interface OtherJob {
  readonly kind: "crontab" | "cron" | "script" | "timer" | "alias";
  /** A file, or the crontab of a user in words. */
  readonly file: string;
  readonly line?: number;
  /** The timer that starts it. */
  readonly timer?: string;
  /** The script that it runs, if only that says that it is about PostgreSQL. */
  readonly through?: string;
  /** As it may be shown: passwords are masked. */
  readonly text: string;
}

/** What of a host runs beside its servers, and what of that nobody could read. */
export interface OtherJobs {
  readonly found: readonly OtherJob[];
  readonly unread: readonly { readonly file: string; readonly why: string }[];
}

type Server = Pick<HandMade, "spec" | "place" | "binDirectory" | "configurationDirectory">;

/** Milliseconds. */
const patience = 60_000;

/** Looks what else runs for a server on its host, as its OS user. Changes nothing; what it cannot look at it says. */
export async function readOtherJobs(server: Server): Promise<OtherJobs> {
  try {
    const { code, stdout, stderr } = await hostOf(server.spec).run(
      ["sh", "-c", otherJobsScript, "sh", ...pathsOf(server)],
      { timeout: patience },
    );
    if (!stdout.endsWith("end\n")) return notLooked(stderr.trim() || `sh ended with status ${code}`);
    return otherJobsIn(stdout, server);
  } catch (error) {
    if (!isOfHost(error)) throw error;
    return notLooked(error instanceof Error ? error.message : `${error}`);
  }
}

function notLooked(why: string): OtherJobs {
  return { found: [], unread: [{ file: "crontabs, timers and /etc/aliases", why }] };
}

/** Where a server is: what has one of these in it is about that server. */
function pathsOf({ place, binDirectory, configurationDirectory }: Server): readonly string[] {
  const { dataDirectory } = place;
  const above = dirname(dataDirectory);
  return [
    dataDirectory,
    // Not /srv or /var, in which others live too.
    ...(above.split("/").length > 2 ? [above] : []),
    ...(configurationDirectory === undefined ? [] : [configurationDirectory]),
    ...(/^(\/usr)?(\/local)?\/s?bin$/.test(binDirectory) ? [] : [binDirectory]),
  ];
}

const aboutPrograms = new RegExp(`(?<![A-Za-z0-9_])(?:${jobPrograms})(?![A-Za-z0-9_])`);

/** From what the script printed. Pure. */
export function otherJobsIn(printed: string, server: Server): OtherJobs {
  const paths = pathsOf(server);
  const own = controlDirectoryOf(server.place.dataDirectory);
  const isAboutItself = (text: string) => aboutPrograms.test(text) || paths.some((path) => holdsPath(text, path));
  // Not what pgsite put there once.
  const isAbout = (text: string, through: string) =>
    !text.includes(`${own}/`) && (through !== "-" || isAboutItself(text));
  const shown = ({ through, text }: { readonly through: string; readonly text: string }) => ({
    ...(through === "-" || isAboutItself(text) ? {} : { through }),
    text: masked(text),
  });
  const rows = printed.split("\n").map((line) => line.split("\t"));
  const lines = rows.flatMap(([word, kind, file, number, through, ...text]) =>
    word === "line" && kind !== undefined && file !== undefined && through !== undefined
      ? [{ kind, file, number: Number(number), through, text: text.join("\t") }]
      : [],
  );
  const jobs = lines.filter(({ kind, text, through }) => kind !== "mails" && isAbout(text, through));
  const timers = rows.flatMap(([word, timer, file, through, ...text]) =>
    word === "timer" && timer !== undefined && file !== undefined && isAbout(text.join("\t"), through ?? "-")
      ? [{ timer, file, through: through ?? "-", text: text.join("\t") }]
      : [],
  );
  const files = new Set(jobs.map(({ file }) => file));
  const scripts = new Set([...jobs, ...timers].map(({ through }) => through));
  const mailing = lines.filter(({ kind, file }) => (kind === "mails" ? scripts : files).has(file));
  const aliases = rows.flatMap(([word, ...text]) => (word === "alias" ? [text.join("\t")] : [])).join("\n");
  return {
    found: [
      ...jobs.map((job) => ({
        kind: job.kind as OtherJob["kind"],
        file: job.file,
        line: job.number,
        ...shown(job),
      })),
      ...timers.map((job) => ({ kind: "timer" as const, file: job.file, timer: job.timer, ...shown(job) })),
      ...aliasesOf(
        aliases,
        mailing.map(({ text }) => text),
      ),
    ],
    unread: rows.flatMap(([word, file, why]) =>
      word === "unread" && file !== undefined ? [{ file, why: why ?? "" }] : [],
    ),
  };
}

/** Whether a text has a path, or one below it. */
function holdsPath(text: string, path: string): boolean {
  const at = text.indexOf(path);
  if (at < 0) return false;
  return !/[\w.-]/.test(text[at + path.length] ?? "") || holdsPath(text.slice(at + 1), path);
}

/** Aliases that such lines mail to, and those that are called after PostgreSQL. */
function aliasesOf(aliases: string, lines: readonly string[]): readonly OtherJob[] {
  const recipients = new Set(lines.flatMap(recipientsIn));
  const names = aliases.split("\n").flatMap((line) => /^"?([^":#\s]+)"?\s*:/.exec(line)?.[1] ?? []);
  return [...new Set(names)]
    .filter((name) => /^postgres/i.test(name) || recipients.has(name.toLowerCase()))
    .map((name) => ({
      kind: "alias",
      file: "/etc/aliases",
      text: masked(`${name}: ${aliasValue(aliases, name) ?? ""}`),
    }));
}

/** Words that may be whom mail goes to: of MAILTO, and behind a program that sends it. */
function recipientsIn(text: string): readonly string[] {
  const to = /^\s*MAILTO\s*=(.*)$/.exec(text)?.[1] ?? /(?:^|[\s/|;&(])(?:mailx?|sendmail|mutt)\s(.*)$/.exec(text)?.[1];
  return (to ?? "").toLowerCase().split(/[\s,;|&<>()"']+/);
}

function masked(text: string): string {
  const trimmed = text.trim();
  return maskedAt(trimmed, secretsInText(trimmed)).text;
}

/** In words. */
export function otherJobWords({ kind, file, line, timer, through, text }: OtherJob): string {
  const by = through === undefined ? "" : ` (it runs ${through}, which is about PostgreSQL)`;
  if (kind === "alias") return `${file}: ${text}`;
  if (timer !== undefined) return `${file}, which ${timer} starts: ${text}${by}`;
  return `${file}, line ${line}: ${text}${by}`;
}
