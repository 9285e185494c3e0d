import type { ComponentChildren } from "preact";
import { useContext } from "preact/hooks";
import { ClockContext } from "../context.js";
import { type Mark, wordOf } from "../judge.js";
import type { Piece } from "../pieces.js";
import { ago, moment } from "../words.js";

/** Each mark has a shape of its own, so that it is told without its colour; drawn, since not every font has such signs. */
const shapes: Readonly<Record<Mark, { readonly body: string; readonly stroke: string }>> = {
  good: { body: "M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1Z", stroke: "m4.8 8.3 2.3 2.3 4.3-5" },
  watch: { body: "M8 1.2 15.4 14.6H.6Z", stroke: "M8 6v4M8 12.2v.4" },
  bad: { body: "M5.1 1h5.8L15 5.1v5.8L10.9 15H5.1L1 10.9V5.1Z", stroke: "m5.4 5.4 5.2 5.2m0-5.2-5.2 5.2" },
  unknown: {
    body: "M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1Z",
    stroke: "M5.8 6.3a2.2 2.2 0 1 1 3.2 2c-.8.4-1 .8-1 1.5M8 11.9v.3",
  },
  none: { body: "", stroke: "M4 8h8" },
};

/** Seen only: what it says is said beside it. */
export const silent = { "aria-hidden": "true" } as const;

/** The sign alone, within a drawing. */
export function SignShape({ mark }: { readonly mark: Mark }) {
  const { body, stroke } = shapes[mark];
  return (
    <g class={`sign sign-${mark}`} {...silent}>
      <path class="body" d={body} />
      <path class="stroke" d={stroke} />
    </g>
  );
}

/** The sign, with its word for whoever does not see it, unless that stands beside it anyway. */
export function Sign({ mark, word = wordOf[mark] }: { readonly mark: Mark; readonly word?: string }) {
  return (
    <>
      <svg class="sign-box" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
        <SignShape mark={mark} />
      </svg>
      {word === "" ? null : <span class="unseen">{word}: </span>}
    </>
  );
}

/** A moment in UTC and by this browser's clock. `age`: and how far back it lies. */
export function When({ at, age = false }: { readonly at: string; readonly age?: boolean }) {
  const { written, live } = useContext(ClockContext);
  const { utc, local } = moment(at);
  return (
    <span class="when">
      <time dateTime={at}>
        <span class="utc">{utc}</span>
        {local === undefined ? null : (
          <>
            {" "}
            <span class="local">({local})</span>
          </>
        )}
      </time>
      {age ? <span class="age">{ago(at, written, live)}</span> : null}
    </span>
  );
}

/** A value of a server, a path, a name: as it is, in a direction of its own. */
export function Value({ children }: { readonly children: string | number }) {
  return children === "" ? <span class="quiet">empty</span> : <bdi class="value">{children}</bdi>;
}

/** Words of ours: from left to right, whatever names are in it. */
export function Sentence({ children }: { readonly children: string }) {
  return <bdi dir="ltr">{children}</bdi>;
}

export function Pieces({ of, age = false }: { readonly of: readonly Piece[]; readonly age?: boolean }) {
  return (
    <>
      {of.map((piece, index) => {
        if (typeof piece === "string") return <Sentence key={index}>{piece}</Sentence>;
        if ("at" in piece) return <When key={index} at={piece.at} age={age} />;
        return (
          <a key={index} href={`#${piece.go}`}>
            <bdi>{piece.text}</bdi>
          </a>
        );
      })}
    </>
  );
}

/** A part of the page with its heading. */
export function Part(props: {
  readonly id: string;
  readonly title: string;
  readonly note?: string | undefined;
  readonly children: ComponentChildren;
}) {
  const { id, title, note, children } = props;
  return (
    <section id={id} class="part" aria-labelledby={`${id}-title`}>
      <h2 id={`${id}-title`}>{title}</h2>
      {note === undefined ? null : <p class="note">{note}</p>}
      {children}
    </section>
  );
}

export function List({ of }: { readonly of: readonly string[] }) {
  return (
    <ul class="plain">
      {of.map((text, index) => (
        <li key={index}>
          <Sentence>{text}</Sentence>
        </li>
      ))}
    </ul>
  );
}
