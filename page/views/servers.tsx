import { differencesOf } from "../differences.js";
import { inCount } from "../differs.js";
import { manyServers } from "../graph.js";
import { markOf, worstFirst } from "../judge.js";
import { otherVersion, type ServerView, type StackView, shallWrite } from "../sites.js";
import { count, lag, names } from "../words.js";
import { Part, Sentence, Sign, Value } from "./parts.js";
import { type Column, Row, Table } from "./table.js";

const head: readonly Column[] = [
  ["Server", 12],
  ["Declared", 9],
  ["State", 21],
  ["Version", 8],
  ["Timeline", 9],
  ["WAL from", 12],
  ["Lag", 9],
  ["Where", 20],
];

/** Each server: what it is declared to be beside what it is. */
export function Servers(props: {
  readonly stacks: readonly StackView[];
  /** Of many servers only those that are not well are seen. */
  readonly only: boolean;
  readonly onOnly: (only: boolean) => void;
}) {
  const { stacks, only, onOnly } = props;
  const all = stacks.flatMap(({ servers }) => servers);
  const many = all.length > manyServers;
  const unwell = many ? all.filter((server) => markOf(server) !== "good").length : 0;
  return (
    <Part id="servers" title="Servers" note="What is declared, beside what is. ≠ marks what is not as declared.">
      {many ? (
        <p class="screen">
          <label class="check">
            <input type="checkbox" checked={only} onChange={(event) => onOnly(event.currentTarget.checked)} /> Only what
            is not well
          </label>
          <span class="quiet" role="status">
            {" "}
            {only ? `${unwell} of ${count(all.length, "server")}` : `all ${count(all.length, "server")}`}
          </span>
        </p>
      ) : null}
      <div class={many && only ? "only" : ""}>
        {stacks.map(({ id, title, data, servers }) => (
          <div key={id} id={`servers-${id}`} class="sub">
            <h3>
              <bdi>{title}</bdi>
              <span class="quiet">
                {" "}
                PostgreSQL {data.version}, {count(servers.length, "server")}
              </span>
            </h3>
            {servers.length === 0 ? (
              <p class="quiet">It declares no server.</p>
            ) : (
              <>
                {many && only && servers.every((server) => markOf(server) === "good") ? (
                  <p class="quiet screen">All are well.</p>
                ) : null}
                <Table label={`Servers of ${title}`} head={head}>
                  {(many ? worstFirst(servers) : servers).map((server) => (
                    <ServerRow key={server.id} server={server} />
                  ))}
                </Table>
              </>
            )}
          </div>
        ))}
      </div>
    </Part>
  );
}

function ServerRow({ server }: { readonly server: ServerView }) {
  const { data, stack, stream } = server;
  const mark = markOf(server);
  const writes = data.state === "read-write";
  const misplaced = writes !== shallWrite(data) && data.state !== "lost";
  const first = (
    <span class="with-sign">
      <Sign mark={mark} />
      <bdi>{data.name}</bdi>
    </span>
  );
  const state = (
    <>
      {misplaced ? <Differs what={`declared ${data.role}`} /> : null}
      {data.state}
      {data.problems.length === 0 ? null : (
        <ul class="plain problems">
          {data.problems.map(({ message }, index) => (
            <li key={index}>
              <Sentence>{message}</Sentence>
            </li>
          ))}
        </ul>
      )}
      <Unlike server={server} />
    </>
  );
  const version = (
    <>
      {otherVersion(server) ? <Differs what={`declared ${stack.version}`} /> : null}
      {data.version ?? <span class="quiet">not known</span>}
    </>
  );
  const senders = data.walSenders ?? [];
  const from = (
    <>
      {stream === undefined ? (
        <span class="quiet">{writes ? "writes itself" : "nobody"}</span>
      ) : (
        <bdi>{stream.from}</bdi>
      )}
      {stream?.off === undefined ? null : (
        <div class="problems">
          does not stream: <Sentence>{stream.off}</Sentence>
        </div>
      )}
      {senders.length === 0 ? null : <div class="quiet">feeds {names(senders, 6)}</div>}
    </>
  );
  const cells = [
    ["Declared", data.role],
    ["State", state],
    ["Version", version],
    ["Timeline", data.timeline ?? <span class="quiet">not known</span>],
    ["WAL from", from],
    ["Lag", lag(data) ?? <span class="quiet">–</span>],
    ["Where", <Where key="where" server={server} />],
  ] as const;
  return <Row id={server.id} kind={`is-${mark} ${mark === "good" ? "well" : ""}`} first={first} cells={cells} />;
}

function Where({ server: { data } }: { readonly server: ServerView }) {
  return (
    <>
      <Value>{data.host}</Value>
      <span class="quiet"> at </span>
      <Value>{`${data.address}:${data.port}`}</Value>
      <div>
        <Value>{data.dataDirectory}</Value>
      </div>
      {data.systemIdentifier === undefined ? null : (
        <div class="quiet">
          system identifier <Value>{data.systemIdentifier}</Value>
        </div>
      )}
    </>
  );
}

/** What differs of a server, and where it is told. */
function Unlike({ server }: { readonly server: ServerView }) {
  const unlike = differencesOf(server);
  if (unlike.length === 0) return null;
  return (
    <div>
      <span class="differs">
        <span aria-hidden="true">≠ </span>
        <a href="#drift">{inCount(unlike)}</a>
      </span>
      : <bdi>{names(unlike.map(({ difference }) => difference.object))}</bdi>
    </div>
  );
}

export function Differs({ what }: { readonly what: string }) {
  return (
    <span class="differs">
      <span aria-hidden="true">≠ </span>
      <span class="unseen">not as declared: </span>
      <bdi>{what}</bdi>:{" "}
    </span>
  );
}
