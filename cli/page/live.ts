import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { PageDrift } from "../../servers/page/model.js";
import { projectFolder } from "../load.js";
import {
  type Asked,
  type Collected,
  collectSites,
  type PagedSite,
  type PageOptions,
  pagedSites,
  previewOf,
} from "./collect.js";
import { notAsked } from "./drift.js";
import { stackHistory } from "./history.js";

/** Milliseconds for which what Pulumi said counts: each is a process, and a preview looks at everything on all hosts. */
const lifetime = { history: 15_000, preview: 60_000 };

/**
 * What is served, made again and again: the servers are asked each time, Pulumi now and then, the stack files are read again when they
 * change. A preview is not waited for: it is shown when it has ended.
 */
export class LiveSites {
  #sites: { readonly of: string; readonly loaded: readonly PagedSite[] } | undefined;
  readonly #stacks = new Map<string, LiveStack>();

  constructor(private readonly options: PageOptions) {}

  async collect(): Promise<Collected> {
    const project = projectFolder();
    const sites = await this.#load(project);
    return collectSites(sites, (stack) => this.#stack(project, stack).asked());
  }

  async #load(project: string): Promise<readonly PagedSite[]> {
    const known = this.#sites;
    if (known !== undefined && known.of === (await stateOf(project, known.loaded))) return known.loaded;
    const loaded = await pagedSites(project, this.options.stacks);
    this.#sites = { of: await stateOf(project, loaded), loaded };
    return loaded;
  }

  #stack(project: string, name: string): LiveStack {
    const known = this.#stacks.get(name) ?? new LiveStack(project, name, this.options.drift);
    this.#stacks.set(name, known);
    return known;
  }
}

/** Of the stack files: another one where somebody has written to one of them. */
async function stateOf(project: string, sites: readonly PagedSite[]): Promise<string> {
  const files = sites.map(async ({ site }) => {
    const status = await stat(join(project, `Pulumi.${site.stack}.yaml`)).catch(() => undefined);
    return `${status?.mtimeMs} ${status?.ino}`;
  });
  return (await Promise.all(files)).join();
}

class LiveStack {
  #history: { readonly at: number; readonly updates: Asked["updates"] } | undefined;
  #preview: PageDrift = {
    ...notAsked,
    outcome: "unknown",
    reasons: ["a preview looks for differences: they are shown when it has ended"],
  };
  #previewed = 0;

  constructor(
    private readonly project: string,
    private readonly name: string,
    private readonly drift: PageOptions["drift"],
  ) {}

  asked(): Asked {
    if (this.drift === "now" && Date.now() - this.#previewed > lifetime.preview) this.#begin();
    if (this.#history === undefined || Date.now() - this.#history.at > lifetime.history) {
      this.#history = { at: Date.now(), updates: stackHistory(this.project, this.name) };
    }
    const drift = Promise.resolve(this.drift === "none" ? notAsked : this.#preview);
    return { drift, updates: this.#history.updates };
  }

  /** One at a time: none begins before the last has ended. */
  #begin(): void {
    this.#previewed = Number.POSITIVE_INFINITY;
    previewOf(this.project, this.name)
      .then((found) => {
        this.#preview = found;
      })
      .finally(() => {
        this.#previewed = Date.now();
      });
  }
}
