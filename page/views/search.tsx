import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { type Entry, indexOf, search } from "../search.js";
import type { SiteView } from "../sites.js";
import { count } from "../words.js";
import { silent } from "./parts.js";

/** Search over all that the page shows: `/` goes there, arrows go through what is found, Escape ends it. */
export function Search({ sites, onGo }: { readonly sites: readonly SiteView[]; readonly onGo: (id: string) => void }) {
  const [text, setText] = useState("");
  const field = useRef<HTMLInputElement>(null);
  const frame = useRef<HTMLElement>(null);
  const index = useMemo(() => indexOf(sites), [sites]);
  const found = useMemo(() => search(index, text), [index, text]);
  useSlash(field);

  const links = () => [...(frame.current?.querySelectorAll<HTMLAnchorElement>(".results a") ?? [])];
  const end = () => {
    setText("");
    field.current?.focus();
  };
  const choose = (id: string) => {
    setText("");
    onGo(id);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const all = links();
    const at = all.indexOf(document.activeElement as HTMLAnchorElement);
    if (event.key === "Escape") end();
    else if (event.key === "ArrowDown") all[Math.min(at + 1, all.length - 1)]?.focus();
    else if (event.key === "ArrowUp") at <= 0 ? field.current?.focus() : all[at - 1]?.focus();
    else if (event.key === "Enter" && at < 0) all[0]?.click();
    else return;
    event.preventDefault();
  };
  const words = text.trim();
  return (
    <search ref={frame} class="search" onKeyDown={onKeyDown}>
      <label>
        <span class="unseen">Search servers, differences, backups, incidents, history and settings</span>
        <input
          ref={field}
          type="search"
          placeholder="Search: server, setting, value …"
          autocomplete="off"
          spellcheck={false}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </label>
      <kbd {...silent}>/</kbd>
      <p class="unseen" role="status" aria-live="polite">
        {words === "" ? "" : `${count(found.total, "result")} in ${count(found.sections.length, "section")}`}
      </p>
      {words === "" ? null : (
        <div class="results">
          {found.total === 0 ? <p class="quiet">Nothing has all of these words.</p> : null}
          {found.sections.map(({ section, total, entries }) => (
            <div key={section}>
              <p class="heading" id={`found-${section}`}>
                {section} <span class="quiet">{total > entries.length ? `${entries.length} of ${total}` : total}</span>
              </p>
              <ul aria-labelledby={`found-${section}`}>
                {entries.map((entry, index) => (
                  <li key={index}>
                    <Result entry={entry} onGo={choose} />
                  </li>
                ))}
              </ul>
            </div>
          ))}
        </div>
      )}
    </search>
  );
}

function Result({
  entry: { id, title, detail },
  onGo,
}: {
  readonly entry: Entry;
  readonly onGo: (id: string) => void;
}) {
  return (
    <a
      href={`#${id}`}
      onClick={(event) => {
        event.preventDefault();
        onGo(id);
      }}
    >
      <bdi>{title}</bdi> <bdi class="quiet">{detail}</bdi>
    </a>
  );
}

/** `/` anywhere, except where somebody writes. */
function useSlash(field: { readonly current: HTMLInputElement | null }) {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const writes = event.target instanceof HTMLElement && event.target.matches("input, select, textarea");
      if (event.key !== "/" || writes || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      field.current?.focus();
      field.current?.select();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [field]);
}
