import type { PageDifference, PageDrift } from "../../servers/page/model.js";
import { differingIn } from "../differences.js";
import { inCount } from "../differs.js";
import { type Mark, worst } from "../judge.js";
import type { StackView } from "../sites.js";
import { List, Part, Sentence, Sign, Value } from "./parts.js";
import { type Column, Row, Table } from "./table.js";

const said: Readonly<Record<PageDrift["outcome"], { readonly mark: Mark; readonly says: string }>> = {
  clean: { mark: "good", says: "Everything is as declared." },
  drift: { mark: "watch", says: "" },
  unknown: { mark: "unknown", says: "Not all could be compared." },
  "not asked": { mark: "unknown", says: "Not asked when this page was written (--drift none)." },
};

const head: readonly Column[] = [
  ["What", 36],
  ["Is", 25],
  ["Declared", 25],
  ["Undone by", 14],
];

/** In what real servers differ from the stack files, and what undoing it takes. */
export function Drift({ stacks }: { readonly stacks: readonly StackView[] }) {
  return (
    <Part id="drift" title="Drift" note="What differs from the stack file, and what it takes to undo it.">
      {stacks.map((stack) => (
        <StackDrift key={stack.id} stack={stack} />
      ))}
    </Part>
  );
}

function StackDrift({ stack: { id, title, data } }: { readonly stack: StackView }) {
  const { outcome, reasons, plan, refusals } = data.drift;
  const differing = differingIn(data);
  const differences = differing.map(({ difference }) => difference);
  const beside = outcome === "clean" && differing.length > 0;
  const open = differences.some((difference) => difference.open);
  const { mark, says } = beside ? { mark: "watch" as const, says: "The files are as declared." } : said[outcome];
  const numbered = differences.map((difference, index) => ({ difference, anchor: `drift-${id.slice(6)}-${index}` }));
  const servers = [...new Set(differences.map(({ server }) => server))];
  return (
    <div class="sub">
      <h3>
        <bdi>{title}</bdi>
      </h3>
      <p class="with-sign">
        <Sign
          mark={worst([mark, open || refusals.length > 0 ? "bad" : "none", differing.length > 0 ? "watch" : "none"])}
        />
        <span>{[...(differing.length === 0 ? [] : [`${inCount(differing)}.`]), says].join(" ").trim()}</span>
      </p>
      {servers.map((server) => (
        <div key={server ?? ""}>
          <h4>{server === undefined ? "The site as a whole" : <bdi>{server}</bdi>}</h4>
          <Table label={`Differences of ${server ?? "the site"} in ${title}`} head={head}>
            {numbered
              .filter(({ difference }) => difference.server === server)
              .map(({ difference, anchor }) => (
                <DriftRow key={anchor} anchor={anchor} difference={difference} />
              ))}
          </Table>
        </div>
      ))}
      <Sentences title="Not known" of={reasons} />
      <Sentences title="pulumi up would refuse" of={refusals} />
      <Sentences title="What pulumi up would do, in this order" of={plan} ordered />
    </div>
  );
}

function DriftRow({ anchor, difference }: { readonly anchor: string; readonly difference: PageDifference }) {
  const { object, there, declared, consequence, open } = difference;
  const cells = [
    ["Is", <Value key="is">{there}</Value>],
    ["Declared", declared === undefined ? <span class="quiet">–</span> : <Value key="declared">{declared}</Value>],
    ["Undone by", <Consequence key="by" of={consequence} />],
  ] as const;
  return <Row id={anchor} kind={open ? "is-bad" : ""} first={<bdi>{object}</bdi>} cells={cells} />;
}

/** What interrupts clients, or nothing of pgsite's undoes, stands out. */
const heavy = ["restart", "restart in order", "start", "seed again", "by hand"];

function Consequence({ of }: { readonly of: string }) {
  return <span class={heavy.includes(of) ? "tag heavy" : "tag"}>{of}</span>;
}

function Sentences(props: { readonly title: string; readonly of: readonly string[]; readonly ordered?: boolean }) {
  const { title, of, ordered = false } = props;
  if (of.length === 0) return null;
  return (
    <>
      <h4>{title}</h4>
      {ordered ? (
        <ol class="plain">
          {of.map((text, index) => (
            <li key={index}>
              <Sentence>{text}</Sentence>
            </li>
          ))}
        </ol>
      ) : (
        <List of={of} />
      )}
    </>
  );
}
