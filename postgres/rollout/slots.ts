/** The slots by which servers stream from another, as declared. */
export function slotsOn(
  servers: Iterable<{ readonly upstream?: string; readonly slot?: string }>,
  upstream: string,
): readonly string[] {
  return [...servers].flatMap((one) => (one.upstream === upstream && one.slot !== undefined ? [one.slot] : []));
}
