import type { PageReport, PageServer, PageStack, PageStream } from "../servers/page/model.js";

/** The report as the page shows it: stacks of one site together, and each thing with the anchor under which it is found. */
export interface SiteView {
  readonly id: string;
  readonly name: string;
  readonly stacks: readonly StackView[];
  readonly servers: readonly ServerView[];
}

export interface StackView {
  readonly id: string;
  readonly data: PageStack;
  /** The stack's name, with its site's where the page shows several. */
  readonly title: string;
  readonly servers: readonly ServerView[];
}

export interface ServerView {
  readonly id: string;
  readonly stack: PageStack;
  readonly data: PageServer;
  /** How WAL comes to it. */
  readonly stream?: PageStream;
  /** Where that comes from; undefined if no server of the report has that name. */
  readonly upstream?: PageServer;
}

export function sitesOf({ stacks }: PageReport): readonly SiteView[] {
  const bySite = new Map<string, PageStack[]>();
  for (const stack of stacks) bySite.set(stack.site, [...(bySite.get(stack.site) ?? []), stack]);
  const place = (stack: PageStack) => stacks.indexOf(stack);
  return [...bySite].map(([name, own], index): SiteView => {
    const views = own.map((data): StackView => {
      const title = bySite.size === 1 || data.stack === name ? data.stack : `${name}: ${data.stack}`;
      return { id: `stack-${place(data)}`, data, title, servers: serversOf(data, own, place(data)) };
    });
    return { id: `site-${index}`, name, stacks: views, servers: views.flatMap(({ servers }) => servers) };
  });
}

function serversOf(stack: PageStack, site: readonly PageStack[], place: number): readonly ServerView[] {
  const others = site.flatMap((each) => (each === stack ? [] : each.servers));
  return stack.servers.map((data, index): ServerView => {
    const stream = stack.streams.find(({ server }) => server === data.name);
    const upstream = stream && [...stack.servers, ...others].find(({ name }) => name === stream.from);
    return {
      id: `server-${place}-${index}`,
      stack,
      data,
      ...(stream === undefined ? {} : { stream }),
      ...(upstream === undefined ? {} : { upstream }),
    };
  });
}

/** Whether it is declared to take writes. */
export const shallWrite = ({ role }: PageServer): boolean => role === "primary" || role === "standalone";

/** Whether the running version is not of the declared major version. */
export function otherVersion({ data, stack }: ServerView): boolean {
  const { version } = data;
  return version !== undefined && version !== stack.version && !version.startsWith(`${stack.version}.`);
}
