import pg from "pg";

/** Quotes an SQL identifier (a role's or database's name). The only place that does. */
export function identifier(name: string): string {
  return pg.escapeIdentifier(name);
}

/** Quotes an SQL string literal. The only place that does. */
export function literal(text: string): string {
  return pg.escapeLiteral(text);
}

/** A position in the WAL as PostgreSQL writes it (`16/B374D848`), as a number of bytes. */
export function bytesOfLsn(lsn: string): bigint {
  const match = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/.exec(lsn);
  if (match === null) throw new Error(`not a position in the WAL: ${lsn}`);
  return (BigInt(`0x${match[1]}`) << 32n) + BigInt(`0x${match[2]}`);
}

/** A number of bytes as a position in the WAL: `16/B374D848`. */
export function lsnOf(bytes: bigint): string {
  const half = (value: bigint) => value.toString(16).toUpperCase();
  return `${half(bytes >> 32n)}/${half(bytes & 0xffffffffn)}`;
}
