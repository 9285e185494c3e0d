import pg from "pg";
import { vi } from "vitest";
import { LocalHost } from "../../hosts/local.js";

/** What this process asked hosts and servers, in order: `stat /data/pg_hba.conf`, `run ls -l`, `127.0.1.2 select …`. */
export interface Asked {
  readonly ofHosts: readonly string[];
  readonly ofServers: readonly string[];
}

const looks = ["readFile", "readBytes", "readTail", "stat", "realPath", "list", "run"] as const;

/** Takes down everything that hosts of this machine and servers are asked while `act` runs; all of it is really asked. */
export async function asked(act: () => Promise<unknown>): Promise<Asked> {
  const ofHosts: string[] = [];
  const ofServers: string[] = [];
  const spies = looks.map((look) => {
    const real = LocalHost.prototype[look] as (...args: unknown[]) => Promise<unknown>;
    return vi.spyOn(LocalHost.prototype, look).mockImplementation(function (this: LocalHost, ...args: unknown[]) {
      ofHosts.push([look, ...args.map((arg) => (Array.isArray(arg) ? arg.join(" ") : arg))].join(" "));
      return real.apply(this, args) as Promise<never>;
    });
  });
  const query = pg.Client.prototype.query as (...args: unknown[]) => unknown;
  const spy = vi.spyOn(pg.Client.prototype, "query").mockImplementation(function (this: pg.Client, ...args: unknown[]) {
    const text = typeof args[0] === "string" ? args[0] : (args[0] as { readonly text: string }).text;
    ofServers.push(`${this.host} ${text}`);
    return query.apply(this, args) as never;
  });
  try {
    await act();
  } finally {
    for (const one of [...spies, spy]) one.mockRestore();
  }
  return { ofHosts, ofServers };
}

/** What was asked more than once, and how often. */
export function repeated(questions: readonly string[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const one of questions) counts.set(one, (counts.get(one) ?? 0) + 1);
  return [...counts].filter(([, count]) => count > 1).map(([one, count]) => `${count} × ${one}`);
}
