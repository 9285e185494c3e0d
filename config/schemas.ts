import type { StackDescription } from "./schema.js";

/** A schema that a stack declares. */
export interface DeclaredSchema {
  readonly name: string;
  readonly database: string;
  readonly owner: string;
  /** Where the stack says it. */
  readonly path: string;
}

/** All schemas of a stack's databases, whether it names them or says more of each. */
export function schemasOf({ databases, administrator }: StackDescription): readonly DeclaredSchema[] {
  return Object.entries(databases).flatMap(([database, { owner: its = administrator, schemas }]) => {
    const path = `databases.${database}.schemas`;
    if (Array.isArray(schemas)) {
      return schemas.map((name, index) => ({ name, database, owner: its, path: `${path}[${index}]` }));
    }
    return Object.entries(schemas).map(([name, { owner = its }]) => ({
      name,
      database,
      owner,
      path: `${path}.${name}`,
    }));
  });
}
