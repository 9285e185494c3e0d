import type { Found } from "./commit.js";
import { readJournal, writeJournal } from "./journal.js";

/** An administrator's word that a step after the database is done. They are confirmed in their order. */
export async function confirmStep({ host, server }: Found, name: string): Promise<void> {
  const journal = await readJournal(host, server);
  const steps = journal?.plan?.after ?? [];
  const at = steps.findIndex((step) => step.name === name);
  if (journal === undefined || at < 0) {
    throw new Error(`there is no step "${name}"; there are ${steps.map((step) => step.name).join(", ") || "none"}`);
  }
  if (journal.after.includes(name)) return;
  const before = steps.slice(0, at).find((step) => !journal.after.includes(step.name));
  if (before !== undefined) throw new Error(`"${before.name}" comes before "${name}", and is not confirmed`);
  await writeJournal(host, server, { ...journal, after: [...journal.after, name] });
}
