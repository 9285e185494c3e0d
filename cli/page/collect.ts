import type { Viewers } from "../../config/viewers.js";
import { collectStack } from "../../servers/page/collect.js";
import type { PageDrift, PageReport } from "../../servers/page/model.js";
import type { Update } from "../../servers/page/update.js";
import { driftOf } from "../drift/preview.js";
import { type LoadedSite, loadSites, projectFolder, stacksOf } from "../load.js";
import { notAsked, pageDrift } from "./drift.js";
import { encryptedSettings } from "./encrypted.js";
import { stackHistory } from "./history.js";

export interface PageOptions {
  /** @default all that are set up here */
  readonly stacks?: readonly string[];
  /** `now`: previews run beside the other questions. */
  readonly drift: "now" | "none";
  /** Says what is done, if it may take long. */
  readonly progress?: (line: string) => void;
}

/** What a page is made of. */
export interface Collected {
  readonly report: PageReport;
  /** The web viewers that the stacks declare. */
  readonly viewers: readonly Viewers[];
  /** Plain; to be masked wherever they stand. */
  readonly secrets: readonly string[];
}

/** A stack, and what its stack file has encrypted. */
export interface PagedSite extends LoadedSite {
  /** Lower-case names of settings. */
  readonly secretSettings: ReadonlySet<string>;
}

/** What Pulumi's CLI is asked of a stack. */
export interface Asked {
  readonly drift: Promise<PageDrift>;
  readonly updates: Promise<readonly Update[] | { readonly because: string }>;
}

/** Milliseconds for a stack's preview. */
const patience = 300_000;

/** The report of the stacks named, all of them and their previews at once. @throws where a stack cannot be read */
export async function collectPage({ stacks, drift, progress = () => undefined }: PageOptions): Promise<Collected> {
  const project = projectFolder();
  // What Pulumi is asked takes longer than what servers are asked: it begins before the stacks are read.
  const names = stacks ?? (await stacksOf(project));
  if (drift === "now") progress(`previewing ${names.join(", ")} (--drift none leaves that out)`);
  const asked = new Map(
    names.map((stack): [string, Asked] => [
      stack,
      {
        drift: drift === "none" ? Promise.resolve(notAsked) : previewOf(project, stack),
        updates: stackHistory(project, stack),
      },
    ]),
  );
  const sites = await pagedSites(project, stacks);
  progress(`asking the servers of ${sites.map(({ site }) => site.stack).join(", ")}`);
  return collectSites(sites, (stack) => asked.get(stack) as Asked);
}

/** @throws where a stack cannot be read */
export async function pagedSites(
  project: string,
  stacks: readonly string[] | undefined,
): Promise<readonly PagedSite[]> {
  const sites = await loadSites(stacks);
  return Promise.all(
    sites.map(async (loaded) => {
      const { stack, servers } = loaded.site;
      const encrypted = await encryptedSettings(project, stack);
      return { ...loaded, secretSettings: encrypted === "all" ? namesIn(servers) : encrypted };
    }),
  );
}

/** What a preview finds, as the page has it. Never throws. */
export async function previewOf(project: string, stack: string): Promise<PageDrift> {
  return pageDrift(await driftOf(project, stack, patience));
}

/** The servers of several stacks, asked now. */
export async function collectSites(sites: readonly PagedSite[], asked: (stack: string) => Asked): Promise<Collected> {
  const stacks = await Promise.all(
    sites.map(({ site, passwords, signal, secretSettings }) =>
      collectStack({ site, passwords, signal, secretSettings, ...asked(site.stack) }),
    ),
  );
  return {
    report: { format: 1, generatedAt: new Date().toISOString(), stacks },
    viewers: sites.flatMap(({ viewers }) => viewers ?? []),
    secrets: sites.flatMap(({ site, passwords, secretSettings }) => {
      return [...Object.values(passwords), ...secretValues(site.servers, secretSettings)];
    }),
  };
}

type Settings = readonly { readonly settings: Readonly<Record<string, string>> }[];

function namesIn(servers: Settings): ReadonlySet<string> {
  return new Set(servers.flatMap(({ settings }) => Object.keys(settings)).map((name) => name.toLowerCase()));
}

/** They may stand elsewhere too: in a difference, in what a server says. */
function secretValues(servers: Settings, names: ReadonlySet<string>): readonly string[] {
  return servers.flatMap(({ settings }) =>
    Object.entries(settings).flatMap(([name, value]) => (names.has(name.toLowerCase()) ? [value] : [])),
  );
}
