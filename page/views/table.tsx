import type { ComponentChildren } from "preact";

/** On a narrow window a row becomes a card. A browser may then forget that it is a table, so each part says what it is. */
const is = Object.fromEntries(
  ["table", "rowgroup", "row", "columnheader", "rowheader", "cell"].map((role) => [role, { role }]),
);

/** `head`: the columns, the first has what a row is about. `label`: what the table is called for whoever hears it. */
export function Table(props: {
  readonly label: string;
  readonly head: readonly string[];
  readonly wide?: boolean;
  readonly children: ComponentChildren;
}) {
  const { label, head, wide = false, children } = props;
  return (
    <table class={wide ? "cards wide" : "cards"} aria-label={label} {...is.table}>
      <thead {...is.rowgroup}>
        <tr {...is.row}>
          {head.map((name, index) => (
            <th key={index} scope="col" {...is.columnheader}>
              <bdi>{name}</bdi>
            </th>
          ))}
        </tr>
      </thead>
      <tbody {...is.rowgroup}>{children}</tbody>
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
      <th scope="row" {...is.rowheader}>
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
