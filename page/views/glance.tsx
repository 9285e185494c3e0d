import { useContext } from "preact/hooks";
import { answersOf, verdict } from "../answers.js";
import { ClockContext } from "../context.js";
import { nextOf } from "../next.js";
import type { ServerView, SiteView } from "../sites.js";
import { count, names } from "../words.js";
import { List, Part, Pieces, Sentence, Sign } from "./parts.js";

/** What is asked first at night, a card a site. */
export function Glance({ sites }: { readonly sites: readonly SiteView[] }) {
  return (
    <Part id="glance" title="At a glance">
      <div class="glance">
        {sites.map((site) => (
          <SiteCard key={site.id} site={site} />
        ))}
      </div>
    </Part>
  );
}

function SiteCard({ site }: { readonly site: SiteView }) {
  const { written } = useContext(ClockContext);
  const answers = answersOf(site, written);
  const { mark, word } = verdict(site, answers);
  const unknown = site.stacks.flatMap(({ data }) => data.unknown);
  const versions = [...new Set(site.stacks.map(({ data }) => data.version))];
  return (
    <article class={`card is-${mark}`} aria-labelledby={`${site.id}-title`}>
      <h3 id={`${site.id}-title`}>
        <Sign mark={mark} word="" />
        <bdi>{site.name}</bdi>
        <span class="verdict">: {word}</span>
      </h3>
      <p class="quiet">
        PostgreSQL {versions.join(", ")} · {count(site.servers.length, "server")} ·{" "}
        {site.stacks.length === 1 ? "stack" : "stacks"} <bdi>{names(site.stacks.map(({ data }) => data.stack))}</bdi>
      </p>
      <Next site={site} />
      <dl class="answers">
        {answers.map(({ question, mark: own, says, more }) => (
          <div key={question}>
            <dt>{question}</dt>
            <dd>
              <Sign mark={own} />
              <span class="says">
                <Pieces of={says} age />
              </span>
              {more.length === 0 ? null : (
                <ul class="more">
                  {more.map((line, index) => (
                    <li key={index}>
                      <Pieces of={line} />
                    </li>
                  ))}
                </ul>
              )}
            </dd>
          </div>
        ))}
      </dl>
      <Problems servers={site.servers} />
      {unknown.length === 0 ? null : (
        <>
          <h4>Not known</h4>
          <List of={unknown} />
        </>
      )}
    </article>
  );
}

function Next({ site }: { readonly site: SiteView }) {
  const lines = nextOf(site);
  if (lines.length === 0) return null;
  return (
    <div class="next">
      <strong>Do next</strong>
      <ul class="more">
        {lines.map((line, index) => (
          <li key={index}>
            <Pieces of={line} />
          </li>
        ))}
      </ul>
    </div>
  );
}

function Problems({ servers }: { readonly servers: readonly ServerView[] }) {
  const all = servers.flatMap((server) => server.data.problems.map(({ message }) => ({ server, message })));
  if (all.length === 0) return null;
  const shown = all.length > 9 ? all.slice(0, 8) : all;
  return (
    <>
      <h4>Problems of servers</h4>
      <ul class="plain">
        {shown.map(({ server, message }, index) => (
          <li key={index}>
            <a href={`#${server.id}`}>
              <bdi>{server.data.name}</bdi>
            </a>
            : <Sentence>{message}</Sentence>
          </li>
        ))}
        {shown.length < all.length ? (
          <li class="quiet">
            and <a href="#servers">{all.length - shown.length} more in the table of servers</a>
          </li>
        ) : null}
      </ul>
    </>
  );
}
