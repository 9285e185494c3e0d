import { useEffect, useState } from "preact/hooks";
import type { PageReport } from "../servers/page/model.js";
import { readReport } from "./read.js";

/** How it stands with whoever makes the report anew. */
export interface Connection {
  /** When it last answered; undefined: it has not been asked yet. */
  readonly reached?: string;
  /** Why it did not answer the last time. */
  readonly lost?: string;
}

const every = 10_000;

/** The report, and a newer one as often as there is one, if somebody serves it. */
export function useReport(first: PageReport, live: boolean): readonly [PageReport, Connection] {
  const [report, setReport] = useState(first);
  const [connection, setConnection] = useState<Connection>({});
  useEffect(() => {
    if (!live) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let ended = false;
    const ask = async () => {
      const answer = await newest();
      if (ended) return;
      if (typeof answer === "string")
        setConnection(({ reached }) => ({ ...(reached === undefined ? {} : { reached }), lost: answer }));
      else {
        setConnection({ reached: new Date().toISOString() });
        setReport((old) => (old.generatedAt === answer.generatedAt ? old : answer));
      }
      timer = setTimeout(ask, every);
    };
    timer = setTimeout(ask, every);
    return () => {
      ended = true;
      clearTimeout(timer);
    };
  }, [live]);
  return [report, connection];
}

/** The report as it is now, or why there is none. */
async function newest(): Promise<PageReport | string> {
  try {
    const answer = await fetch("report.json", { cache: "no-store" });
    if (!answer.ok) return `it answers with status ${answer.status}`;
    return readReport(await answer.text());
  } catch {
    return "it does not answer";
  }
}
