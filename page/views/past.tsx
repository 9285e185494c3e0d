import type { PageEvent, PageIncident, PageRun } from "../../servers/page/model.js";
import type { Mark } from "../judge.js";
import { isOpen } from "../lately.js";
import type { StackView } from "../sites.js";
import { bytes, seconds } from "../words.js";
import { Part, Sentence, Sign, Value, When } from "./parts.js";
import { type Column, Row, Table } from "./table.js";

/** What has happened: backups, the watch's incidents, rollouts and changes of roles. */

interface Props {
  readonly stacks: readonly StackView[];
}

const runColumns: readonly Column[] = [
  ["Run", 22],
  ["State", 11],
  ["Drill", 22],
  ["Server", 9],
  ["Place", 20],
  ["Size", 8],
  ["Took", 8],
];

const incidentColumns: readonly Column[] = [
  ["Since", 22],
  ["State", 22],
  ["Server", 12],
  ["What", 32],
  ["Seen by", 12],
];

const eventColumns: readonly Column[] = [
  ["When", 28],
  ["What", 39],
  ["Server", 12],
  ["By", 9],
  ["Result", 12],
];

export function Backups({ stacks }: Props) {
  return (
    <Part
      id="backups"
      title="Backups"
      note="A drill restores a backup into a scratch server: what no drill has restored is not proven."
    >
      {stacks.map(({ id, title, data: { backups } }) => (
        <div key={id} class="sub">
          <h3>
            <bdi>{title}</bdi>
            {backups === undefined ? null : <span class="quiet"> {backups.schedule}</span>}
          </h3>
          {backups?.unasked ? (
            <p class="with-sign">
              <Sign mark="watch" />
              <span>A place could not be looked at: what follows is what is known, and there may be newer ones.</span>
            </p>
          ) : null}
          {backups === undefined ? (
            <p class="quiet">No backups are declared.</p>
          ) : backups.runs.length === 0 ? (
            <p class="with-sign">
              <Sign mark={backups.unasked ? "unknown" : "bad"} />
              <span>{backups.unasked ? "None is known." : "There is no backup yet."}</span>
            </p>
          ) : (
            <Table label={`Backups of ${title}`} head={runColumns}>
              {backups.runs.map((run, index) => (
                <RunRow
                  key={index}
                  id={`run-${id.slice(6)}-${index}`}
                  run={run}
                  newest={
                    run.name !== backups.whole
                      ? ""
                      : backups.unasked
                        ? ", newest whole that is known"
                        : ", newest whole"
                  }
                />
              ))}
            </Table>
          )}
        </div>
      ))}
    </Part>
  );
}

const runMarks: Readonly<Record<PageRun["state"], Mark>> = { whole: "good", partial: "watch", damaged: "bad" };

function RunRow({ id, run, newest }: { readonly id: string; readonly run: PageRun; readonly newest: string }) {
  const first = (
    <>
      <When at={run.at} />
      <div class="quiet">
        <Value>{run.name}</Value>
      </div>
    </>
  );
  const state = (
    <span class="with-sign">
      <Sign mark={runMarks[run.state]} />
      <span>
        {run.state}
        {newest}
      </span>
    </span>
  );
  const cells = [
    ["State", state],
    [
      "Drill",
      run.verifiedAt === undefined ? <span class="quiet">none</span> : <When key="drill" at={run.verifiedAt} age />,
    ],
    ["Server", <bdi key="server">{run.server}</bdi>],
    ["Place", <Value key="place">{run.place}</Value>],
    ["Size", run.bytes === undefined ? <span class="quiet">not known</span> : bytes(run.bytes)],
    ["Took", run.seconds === undefined ? <span class="quiet">not known</span> : seconds(run.seconds)],
  ] as const;
  return <Row id={id} first={first} cells={cells} />;
}

export function Incidents({ stacks }: Props) {
  return (
    <Part id="incidents" title="Incidents of the watch">
      {stacks.map(({ id, title, data: { watch } }) => (
        <div key={id} class="sub">
          <h3>
            <bdi>{title}</bdi>
            {watch === undefined ? null : <span class="quiet"> looks {watch.schedule}</span>}
          </h3>
          {watch === undefined ? (
            <p class="quiet">No watch is declared.</p>
          ) : watch.incidents.length === 0 ? (
            <p class="with-sign">
              <Sign mark="good" />
              <span>None.</span>
            </p>
          ) : (
            <Table label={`Incidents of ${title}`} head={incidentColumns}>
              {watch.incidents.map((incident, index) => (
                <IncidentRow key={index} id={`incident-${id.slice(6)}-${index}`} incident={incident} />
              ))}
            </Table>
          )}
        </div>
      ))}
    </Part>
  );
}

function IncidentRow({ id, incident }: { readonly id: string; readonly incident: PageIncident }) {
  const { server, seenBy, condition, message, since, ended } = incident;
  const state = isOpen(incident) ? (
    <span class="with-sign">
      <Sign mark="bad" />
      <span>goes on</span>
    </span>
  ) : (
    <>
      over since <When at={ended ?? ""} />
    </>
  );
  const what = (
    <>
      <Sentence>{message}</Sentence>
      <div class="quiet">
        condition <Value>{condition}</Value>
      </div>
    </>
  );
  const cells = [
    ["State", state],
    ["Server", <bdi key="server">{server}</bdi>],
    ["What", what],
    ["Seen by", <bdi key="by">{seenBy}</bdi>],
  ] as const;
  return <Row id={id} first={<When at={since} age />} cells={cells} />;
}

const kinds: Readonly<Record<PageEvent["kind"], string>> = {
  update: "rollout",
  role: "role change",
  upgrade: "upgrade",
};

/** So many events of a stack are seen at once. */
const recent = 10;

/** `folded`: older events are out of sight. They are there all the same, for printing and for whoever jumps to them. */
export function History(props: Props & { readonly folded: boolean; readonly onFolded: (folded: boolean) => void }) {
  const { stacks, folded, onFolded } = props;
  return (
    <Part
      id="history"
      title="History"
      note="Rollouts, upgrades and changes of roles, newest first; those made by hand too."
    >
      {stacks.map(({ id, title, data: { history } }) => (
        <div key={id} class="sub">
          <h3>
            <bdi>{title}</bdi>
          </h3>
          {history.length === 0 ? (
            <p class="quiet">Nothing is known.</p>
          ) : (
            <div class={folded ? "only" : ""}>
              <Table label={`History of ${title}`} head={eventColumns}>
                {history.map((event, index) => (
                  <EventRow key={index} id={`event-${id.slice(6)}-${index}`} event={event} older={index >= recent} />
                ))}
              </Table>
              {history.length > recent ? (
                <p class="buttons">
                  <button type="button" aria-expanded={!folded} onClick={() => onFolded(!folded)}>
                    {folded ? `show ${history.length - recent} older` : "only the newest"}
                  </button>
                </p>
              ) : null}
            </div>
          )}
        </div>
      ))}
    </Part>
  );
}

const results: Readonly<Record<PageEvent["result"], { readonly mark: Mark; readonly says: string }>> = {
  succeeded: { mark: "good", says: "succeeded" },
  failed: { mark: "bad", says: "failed" },
  "in-progress": { mark: "watch", says: "in progress" },
};

function EventRow(props: { readonly id: string; readonly event: PageEvent; readonly older: boolean }) {
  const { id, event, older } = props;
  const { at, kind, server, by, result, message } = event;
  const { mark, says } = results[result];
  const what = (
    <>
      <Sentence>{message}</Sentence>
      <div class="quiet">{kinds[kind]}</div>
    </>
  );
  const cells = [
    ["What", what],
    ["Server", server === undefined ? <span class="quiet">–</span> : <bdi key="server">{server}</bdi>],
    ["By", by === "hand" ? <strong>hand</strong> : "Pulumi"],
    [
      "Result",
      <span key="result" class="with-sign">
        <Sign mark={mark} />
        <span>{says}</span>
      </span>,
    ],
  ] as const;
  return <Row id={id} kind={older ? "older" : kind} first={<When at={at} age />} cells={cells} />;
}
