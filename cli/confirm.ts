/** Asks whoever sits at the terminal. @throws where nobody does: what cannot be taken back is done by nobody's silence */
export async function confirmed(question: string): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new Error(`${question} Nobody can be asked here: say it by --yes`);
  }
  // Nobody else pays for it at start-up.
  const { confirm } = await import("@clack/prompts");
  return (await confirm({ message: question, initialValue: false, output: process.stderr })) === true;
}
