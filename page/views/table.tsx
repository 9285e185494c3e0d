import type { ComponentChildren } from "preact";

/** On a narrow window a row becomes a card. A browser may then forget that it is a table, so each part says what it is. */
const is = {
  table: { role: "table" },
  group: { role: "rowgroup" },
  row: { role: "row" },
  column: { role: "columnheader" },
  header: { role: "rowheader" },
  cell: { role: "cell" },
} as const;

/** A column: its name, and its part of the width in percent. */
export type Column = readonly [name: string, percent: number];

/** `head`: the columns, the first has what a row is about. `label`: what the table is called for whoever hears it. */
export function Table(props: {
  readonly label: string;
  readonly head: readonly Column[];
  readonly children: ComponentChildren;
}) {
  const { label, head, children } = props;
  return (
    <table class="cards" aria-label={label} {...is.table}>
      <colgroup>
        {head.map(([, percent], index) => (
          <col key={index} width={`${percent}%`} />
        ))}
      </colgroup>
      <thead {...is.group}>
        <tr {...is.row}>
          {head.map(([name], index) => (
            <th key={index} scope="col" {...is.column}>
              <bdi>{name}</bdi>
            </th>
          ))}
        </tr>
      </thead>
      <tbody {...is.group}>{children}</tbody>
    </table>
  );
}

/** `cells`: what is in each column behind the first one, by the column's name; nothing is said of an empty one. */
export function Row(props: {
  readonly id?: string;
  readonly kind?: string;
  readonly first: ComponentChildren;
  readonly cells: readonly (readonly [string, ComponentChildren])[];
}) {
  const { id, kind, first, cells } = props;
  return (
    <tr {...(id === undefined ? {} : { id })} {...(kind === undefined ? {} : { class: kind })} {...is.row}>
      <th scope="row" {...is.header}>
        {first}
      </th>
      {cells.map(([name, content], index) => (
        <td key={index} data-label={name} {...is.cell}>
          <div>{content}</div>
        </td>
      ))}
    </tr>
  );
}
