/**
 * One text for equal data, whatever order their properties came in: a state's come sorted, those of a value that travelled as
 * JSON do not. For keys of what is asked once.
 */
export function keyText(data: unknown): string {
  return JSON.stringify(data, (_, value: unknown) =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1)))
      : value,
  );
}
