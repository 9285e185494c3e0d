import { randomUUID } from "node:crypto";
import { until } from "../../servers/process/until.js";
import { openSession } from "../../servers/sql/session.js";
import type { LoadedSite } from "../load.js";

const deadline = 30_000;

/**
 * The proof that a reader believes: a row written on the primary of a site, read on every other server that answers queries; where
 * there is none, on the same by another session.
 * @param sites stacks of one site @returns the names of the servers that it was read on @throws where one does not have it in time
 */
export async function proveByRow(
  sites: readonly LoadedSite[],
): Promise<{ readonly primary: string; readonly readOn: string[] }> {
  const all = sites.flatMap(({ site, passwords }) =>
    site.servers.map((server) => ({
      server,
      login: { user: site.administrator, password: passwords[site.administrator] ?? "" },
    })),
  );
  const primary = all.find(({ server }) => server.role === "primary");
  if (primary === undefined) throw new Error("no stack of the rehearsal has a primary");
  const mark = randomUUID();
  const writer = await openSession(primary.server, primary.login);
  try {
    const isThere = "SELECT 1 FROM pg_tables WHERE schemaname = 'public' AND tablename = 'pgsite_demo'";
    // IF NOT EXISTS is 9.1's.
    if ((await writer.query(isThere)).length === 0) {
      await writer.query("CREATE TABLE public.pgsite_demo (mark text PRIMARY KEY, written timestamptz DEFAULT now())");
    }
    await writer.query("INSERT INTO public.pgsite_demo (mark) VALUES ($1)", [mark]);
  } finally {
    await writer.end();
  }
  const others = all.filter(({ server }) => server.role !== "primary" && server.hotStandby);
  const readers = all.length === 1 ? [primary] : others;
  for (const { server, login } of readers) {
    const reader = await openSession(server, login);
    try {
      const seen = async () =>
        (await reader.query("SELECT 1 FROM public.pgsite_demo WHERE mark = $1", [mark])).length === 1;
      if (!(await until(() => seen().catch(() => false), { deadline, interval: 50 }))) {
        throw new Error(`${server.name} did not show the row within ${deadline / 1000} s`);
      }
    } finally {
      await reader.end();
    }
  }
  return { primary: primary.server.name, readOn: readers.map(({ server }) => server.name) };
}
