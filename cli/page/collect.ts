import { collectStack } from "../../servers/page/collect.js";
import type { PageDrift, PageReport } from "../../servers/page/model.js";
import { driftOf } from "../commands/drift.js";
import { loadSites, projectFolder, stacksOf } from "../load.js";
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
  /** Plain; to be masked wherever they stand. */
  readonly passwords: readonly string[];
}

/** Milliseconds for a stack's preview. */
const patience = 300_000;

/** The report of the stacks named, all of them and their previews at once. @throws where a stack cannot be read */
export async function collectPage({ stacks, drift, progress = () => undefined }: PageOptions): Promise<Collected> {
  const project = projectFolder();
  // What Pulumi is asked takes longer than what servers are asked: it begins before the stacks are read.
  const names = stacks ?? (await stacksOf(project));
  const histories = new Map(names.map((stack) => [stack, stackHistory(project, stack)]));
  const previews = new Map(names.map((stack) => [stack, drift === "none" ? nothing() : previewOf(project, stack)]));
  if (drift === "now") progress(`previewing ${names.join(", ")} (--drift none leaves that out)`);
  const sites = await loadSites(stacks);
  progress(`asking the servers of ${sites.map(({ site }) => site.stack).join(", ")}`);
  const found = await Promise.all(
    sites.map(async ({ site, passwords, signal }) => {
      const { stack } = site;
      const encrypted = await encryptedSettings(project, stack);
      const secretSettings = encrypted === "all" ? namesIn(site.servers) : encrypted;
      const shown = await collectStack({
        ...{ site, passwords, signal, secretSettings },
        drift: previews.get(stack) ?? nothing(),
        updates: histories.get(stack) ?? stackHistory(project, stack),
      });
      return { shown, secrets: [...Object.values(passwords), ...secretValues(site.servers, secretSettings)] };
    }),
  );
  return {
    report: { format: 1, generatedAt: new Date().toISOString(), stacks: found.map(({ shown }) => shown) },
    passwords: found.flatMap(({ secrets }) => secrets),
  };
}

async function nothing(): Promise<PageDrift> {
  return notAsked;
}

async function previewOf(project: string, stack: string): Promise<PageDrift> {
  return pageDrift(await driftOf(project, stack, patience));
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
