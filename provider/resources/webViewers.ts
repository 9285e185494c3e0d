import type { Viewers } from "../../config/viewers.js";
import { listingText } from "../../installed/listing.js";
import { fileDifferences } from "../../installed/listingDifferences.js";
import type { Scheduler } from "../../installed/schedule/render.js";
import type { ScheduleDifference } from "../../installed/schedule.js";
import { linkMarks } from "../../installed/viewers/marks.js";
import type { ViewersFile, ViewersPasswords } from "../../installed/viewers/render.js";
import type { Difference, Found, Unmet } from "../../postgres/differences.js";
import { type Context, messageOf } from "../../servers/rollout/reporter.js";
import { hostOf } from "../../servers/status/look.js";
import type { ResourceType } from "../protocol/resource.js";
import { say } from "../protocol/say.js";
import { scheduleDifference } from "./schedules.js";

export interface WebViewersArgs {
  readonly viewers: Omit<Viewers, "links">;
  /** By path, what each link points to: what alone knows the primary. */
  readonly links: Viewers["links"];
  /** JSON of passwords by role. */
  readonly passwords: string;
}

/** As it was found, or as it shall be. */
interface Observed {
  readonly links: Viewers["links"];
  /** As `listingText` says them, by their paths. */
  readonly files: string;
  /** The same of those with passwords: a sum could be guessed from. */
  readonly secretFiles: string;
  /** `runs SUM`, with the sum of the configuration that it has read; `stopped`; empty in a rehearsal. */
  readonly httpd: string;
  readonly unmet: readonly Unmet[];
  /** What of its start with the machine is not as declared. */
  readonly boot: readonly ScheduleDifference[];
}

export interface WebViewersState extends WebViewersArgs, Observed {
  /** Who starts it with its machine. */
  readonly __scheduler?: Scheduler;
}

/**
 * The web viewers of a site on their host: httpd's configuration, the applications' ways to the servers, links, programs, and the
 * start with the machine. After the rollout, so that the links move in the `up` that has changed the primary.
 */
export const webViewers: ResourceType<WebViewersArgs, WebViewersState> = {
  token: "pgsite:index:WebViewers",
  secrets: ["passwords", "secretFiles"],
  packed: ["viewers", "unmet", "boot"],
  manner: ["__scheduler"],

  id: ({ viewers }) => `${viewers.site}/viewers`,

  async check(context, args, actual) {
    const viewers = { ...args.viewers, links: args.links };
    const files = await render(args);
    const { declaredOf, declaredHttpd } = await import("../../servers/viewers/look.js");
    const shall: Observed = {
      links: args.links,
      ...textsOf(files, (some) => listingText(declaredOf(some, viewers.host.user))),
      httpd: declaredHttpd(viewers),
      unmet: [],
      boot: [],
    };
    const host = viewers.host.name;
    await say(
      context,
      actual === undefined ? needs(host, await unmetOfNew(context, viewers, files)) : differences(host, shall, actual),
    );
    const { viewers: declared, passwords } = args;
    const { __scheduler } = actual ?? {};
    return {
      state: { viewers: declared, passwords, ...shall, ...(__scheduler === undefined ? {} : { __scheduler }) },
    };
  },

  create: (context, state) => apply(context, state),

  async read(_context, _id, known) {
    if (known === undefined)
      throw new Error("web viewers cannot be imported: declare them, and `pulumi up` adopts them");
    const viewers = { ...known.viewers, links: known.links };
    const found = await import("../../servers/viewers/look.js");
    const { bootDifferences } = await import("../../servers/viewers/boot.js");
    const [host, files] = await Promise.all([hostOf(viewers.host), render(known)]);
    const [look, boot] = await Promise.all([
      found.lookAtViewers(host, viewers, files),
      bootDifferences(viewers, known.__scheduler),
    ]);
    return {
      ...known,
      links: found.linksOf(look, viewers.links),
      ...textsOf(files, (some) => listingText(found.listingOf(look, some))),
      httpd: found.httpdOf(look, viewers),
      unmet: found.unmetOf(look, viewers),
      boot,
    };
  },

  update: (context, wanted, actual) => apply(context, wanted, actual),

  async delete(context, { viewers: { host, folder, bin, rehearsed } }) {
    const runs = rehearsed ? "" : `; httpd goes on, and starts with its machine: ${bin}/viewers stop ends it`;
    await context.log("warning", `left the web viewers in ${folder} on ${host.name}${runs}`);
  },
};

async function render({ viewers, links, passwords }: WebViewersArgs): Promise<readonly ViewersFile[]> {
  const { viewersFiles } = await import("../../installed/viewers/render.js");
  return viewersFiles({ ...viewers, links }, passwordsIn(passwords));
}

function passwordsIn(text: string): ViewersPasswords {
  return JSON.parse(text) as ViewersPasswords;
}

function textsOf(
  files: readonly ViewersFile[],
  text: (files: readonly ViewersFile[]) => string,
): Pick<Observed, "files" | "secretFiles"> {
  return {
    files: text(files.filter(({ kind }) => kind !== "secret")),
    secretFiles: text(files.filter(({ kind }) => kind === "secret")),
  };
}

/** What a first preview waits for the host of the viewers, in milliseconds: it must work where nobody answers. */
const patience = 2500;

async function unmetOfNew(
  context: Context,
  viewers: Viewers,
  files: readonly ViewersFile[],
): Promise<readonly Unmet[]> {
  if (viewers.rehearsed) return [];
  const { lookAtViewers, unmetOf } = await import("../../servers/viewers/look.js");
  const looking = hostOf(viewers.host).then((host) => lookAtViewers(host, viewers, files));
  const waiting = new Promise<undefined>((resolve) => setTimeout(resolve, patience, undefined).unref());
  try {
    const look = await Promise.race([looking, waiting]);
    if (look !== undefined) return unmetOf(look, viewers);
    looking.catch(() => undefined);
    await context.log(
      "warning",
      `${viewers.host.name} has not answered: what the web viewers need there is not known yet`,
    );
  } catch (error) {
    await context.log("warning", `what the web viewers need is not known yet: ${messageOf(error)}`);
  }
  return [];
}

function differences(host: string, shall: Observed, is: Observed): readonly Difference[] {
  return [
    ...needs(host, is.unmet),
    ...fileDifferences("/", host, is.files, shall.files),
    ...fileDifferences("/", host, is.secretFiles, shall.secretFiles).map(
      (one): Difference => (isAnother(one.there) ? { ...one, there: { is: "another secret" } } : one),
    ),
    ...linkDifferences(host, shall.links, is.links),
    ...httpdDifferences(host, shall.httpd, is.httpd),
    ...is.boot.map((one) => scheduleDifference({ kind: "schedule", name: "viewers", host }, one)),
  ];
}

function isAnother(there: Found): boolean {
  return typeof there === "object" && there.is === "another";
}

function needs(host: string, unmet: readonly Unmet[]): readonly Difference[] {
  return unmet.map((one): Difference => {
    const object = { kind: "viewers' need", unmet: one, host } as const;
    const there: Found = one.why === "missing" ? { is: "missing" } : "is" in one ? one.is : { is: "another" };
    return { object, there, consequence: "by hand", severity: "warning" };
  });
}

function linkDifferences(host: string, shall: Viewers["links"], is: Viewers["links"]): readonly Difference[] {
  return Object.entries(shall).flatMap(([path, declared]): Difference[] => {
    const there = is[path] ?? linkMarks.missing;
    if (there === declared) return [];
    const object = { kind: "link", path, host } as const;
    if (there === linkMarks.missing) return [{ object, there: { is: "missing" }, consequence: "install" }];
    if (there === linkMarks.other) return [{ object, there: { is: "in the way" }, declared, consequence: "install" }];
    return [{ object, there, declared, consequence: "install" }];
  });
}

function httpdDifferences(host: string, shall: string, is: string): readonly Difference[] {
  if (shall === is) return [];
  const object = { kind: "httpd", host } as const;
  return is === "stopped"
    ? [{ object, there: { is: "stopped" }, consequence: "start" }]
    : [{ object, there: { is: "not in force" }, consequence: "reload" }];
}

async function apply(context: Context, state: WebViewersState, actual?: WebViewersState): Promise<WebViewersState> {
  const viewers = { ...state.viewers, links: state.links };
  const { installViewers } = await import("../../servers/viewers/install.js");
  const host = await hostOf(viewers.host);
  await installViewers(host, viewers, passwordsIn(state.passwords), {
    before: actual === undefined ? undefined : { ...actual.viewers, links: {} },
    say: (message) => context.log("warning", message),
  });
  if (viewers.rehearsed) {
    await context.log(
      "info",
      `${viewers.host.name}: files and links of the web viewers; neither httpd nor its test of them is rehearsed`,
    );
  }
  const { __scheduler: _, ...rest } = state;
  const { startAtBoot } = await import("../../servers/viewers/boot.js");
  const scheduler = await startAtBoot(viewers, actual?.__scheduler);
  return scheduler === undefined ? rest : { ...rest, __scheduler: scheduler };
}
