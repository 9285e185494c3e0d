import type { ComponentChildren } from "preact";
import { useCallback, useEffect, useMemo, useState } from "preact/hooks";
import type { PageReport } from "../servers/page/model.js";
import { ClockContext } from "./context.js";
import { differingIn } from "./differences.js";
import { type Connection, useReport } from "./live.js";
import { type SiteView, sitesOf } from "./sites.js";
import { Drift } from "./views/drift.js";
import { Glance } from "./views/glance.js";
import { Glossary } from "./views/glossary.js";
import { When } from "./views/parts.js";
import { Backups, History, Incidents } from "./views/past.js";
import { Search } from "./views/search.js";
import { Servers } from "./views/servers.js";
import { Settings } from "./views/settings.js";
import { ThemeSwitch } from "./views/theme.js";
import { Topology } from "./views/topology.js";
import { names, span, zone } from "./words.js";

/** The whole page. `live`: whoever serves it makes the report anew. */
export function App({ first, live }: { readonly first: PageReport; readonly live: boolean }) {
  const [report, connection] = useReport(first, live);
  const sites = useMemo(() => sitesOf(report), [report]);
  const clock = useMemo(() => ({ written: report.generatedAt, live }), [report, live]);
  const [only, setOnly] = useState(true);
  const [unwell, setUnwell] = useState(true);
  const [folded, setFolded] = useState(true);
  const go = useJumps({ same: () => setOnly(false), well: () => setUnwell(false), older: () => setFolded(false) });
  const title = names(sites.map(({ name }) => name));
  useEffect(() => {
    document.title = `${title} – pgsite`;
  }, [title]);
  const stacks = sites.flatMap((site) => site.stacks);
  return (
    <ClockContext.Provider value={clock}>
      <a class="skip" href="#main">
        Skip to what is asked first
      </a>
      <header class="top">
        <div class="name">
          <h1>
            <bdi>{title}</bdi>
          </h1>
          <Written report={report} live={live} connection={connection} />
        </div>
        <div class="tools">
          <Search sites={sites} onGo={go} />
          <ThemeSwitch />
        </div>
        <Old written={report.generatedAt} live={live} />
      </header>
      <nav aria-label="Parts of this page">
        <ul>
          {partsOf(sites).map(({ id, name, note }) => (
            <li key={id}>
              <a href={`#${id}`}>
                {name}
                {note === undefined ? null : <span class="number"> {note}</span>}
              </a>
            </li>
          ))}
        </ul>
      </nav>
      <main id="main" tabIndex={-1}>
        <Glance sites={sites} />
        <Topology sites={sites} />
        <Servers stacks={stacks} only={unwell} onOnly={setUnwell} />
        <Drift stacks={stacks} />
        <Backups stacks={stacks} />
        <Incidents stacks={stacks} />
        <History stacks={stacks} folded={folded} onFolded={setFolded} />
        <Settings sites={sites} only={only} onOnly={setOnly} />
        <Glossary />
      </main>
      <footer>
        <p>
          Written by pgsite from the same report as <code>pgsite status</code> and <code>pgsite drift</code>. Times are
          UTC
          {zone(new Date()) === "UTC"
            ? ", which is this browser's time zone"
            : `, beside this browser's: ${zone(new Date())}`}
          . It loads nothing from anywhere{live ? " but its own report" : ""}.
        </p>
      </footer>
    </ClockContext.Provider>
  );
}

function Written(props: { readonly report: PageReport; readonly live: boolean; readonly connection: Connection }) {
  const { report, live, connection } = props;
  const { reached, lost } = connection;
  return (
    <p class="written">
      {live ? "Report of " : "Written "}
      <When at={report.generatedAt} />
      <span class="screen">
        <Age written={report.generatedAt} />
      </span>
      {live ? <Live reached={reached}>asks for a newer one every 10 s</Live> : null}
      {lost === undefined ? null : (
        <strong role="alert" class="lost">
          pgsite cannot be reached: {lost}. What is shown is the report above.
        </strong>
      )}
    </p>
  );
}

function Live({ reached, children }: { readonly reached: string | undefined; readonly children: ComponentChildren }) {
  return (
    <span class="quiet">
      ; {children}
      {reached === undefined ? null : `, last answered ${reached.slice(11, 19)} UTC`}
    </span>
  );
}

const day = 86_400_000;

/** How old a report is, by this browser's clock. */
function useAge(written: string): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 30_000);
    return () => clearInterval(timer);
  }, []);
  return now - Date.parse(written);
}

/** A clock that is behind the writer's says nothing of an age. */
function Age({ written }: { readonly written: string }) {
  const old = useAge(written);
  return old >= 0 ? <span class={old > day ? "old" : "quiet"}>, {span(old)} ago</span> : null;
}

/** A page in a file grows old without showing it: it says so itself. */
function Old({ written, live }: { readonly written: string; readonly live: boolean }) {
  const old = useAge(written);
  if (live || !(old > day)) return null;
  return (
    <p class="banner" role="status">
      This page was written {span(old)} ago. What it says may be true no longer: write it anew with{" "}
      <code>pgsite page</code>.
    </p>
  );
}

interface PartOfPage {
  readonly id: string;
  readonly name: string;
  readonly note?: string;
}

function partsOf(sites: readonly SiteView[]): readonly PartOfPage[] {
  const stacks = sites.flatMap((site) => site.stacks.map(({ data }) => data));
  const differences = stacks.reduce((sum, stack) => sum + differingIn(stack).length, 0);
  const open = stacks.flatMap(({ watch }) => watch?.incidents ?? []).filter(({ ended }) => ended === undefined).length;
  const noted = (number: number, word: string) => (number === 0 ? {} : { note: `${number}${word}` });
  return [
    { id: "glance", name: "At a glance" },
    { id: "topology", name: "Topology" },
    {
      id: "servers",
      name: "Servers",
      ...noted(
        stacks.reduce((sum, { servers }) => sum + servers.length, 0),
        "",
      ),
    },
    { id: "drift", name: "Drift", ...noted(differences, "") },
    { id: "backups", name: "Backups" },
    { id: "incidents", name: "Incidents", ...noted(open, " open") },
    { id: "history", name: "History" },
    { id: "settings", name: "Settings" },
    { id: "words", name: "Words" },
  ];
}

/**
 * Goes to a thing of the page and says so to whoever hears it, by the focus. A row that is kept out of sight is brought into sight
 * first, by its class (`reveal`).
 */
function useJumps(reveal: Readonly<Record<string, () => void>>): (id: string) => void {
  const [target, setTarget] = useState<{ readonly id: string }>();
  useEffect(() => {
    const onHash = () => setTarget({ id: location.hash.slice(1) });
    addEventListener("hashchange", onHash);
    if (location.hash !== "") onHash();
    return () => removeEventListener("hashchange", onHash);
  }, []);
  useEffect(() => {
    const element = target && document.getElementById(target.id);
    if (!element) return;
    for (const kind of element.classList) reveal[kind]?.();
    const frame = requestAnimationFrame(() => {
      if (element.tabIndex < 0) element.setAttribute("tabindex", "-1");
      element.scrollIntoView({ block: element.matches("tr") ? "center" : "start" });
      element.focus({ preventScroll: true });
    });
    return () => cancelAnimationFrame(frame);
  }, [target]);
  return useCallback((id: string) => {
    if (location.hash === `#${id}`) setTarget({ id });
    else location.hash = id;
  }, []);
}
