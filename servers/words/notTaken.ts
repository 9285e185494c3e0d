/** What a running server refuses of its own files. */
export function notTakenInWords(server: string, lines: readonly string[]): string {
  return `${server} does not take what is declared, and goes on with what it had: ${lines.join("; ")}: put it right in the stack file`;
}
