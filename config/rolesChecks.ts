import { whyNoEncoding } from "../postgres/encodings.js";
import { isSlotName } from "../postgres/names.js";
import { databaseOwner, predefinedRoles } from "../postgres/predefinedRoles.js";
import { error, type Problem } from "../postgres/problem.js";
import { atLeast, type Major } from "../postgres/versions.js";
import { bootstrapSuperuser } from "./bootstrapSuperuser.js";
import { unknownName } from "./references.js";
import type { StackDescription } from "./schema.js";
import { replicationRoleOf } from "./standalone.js";

/* What PostgreSQL would refuse of roles, of databases and of what they have, long after an `up` has begun. */

export function checkRoles(description: StackDescription, version: Major): Problem[] {
  return [
    ...checkMembers(description, version),
    ...checkOwners(description, version),
    ...checkEncodings(description),
    ...checkSlots(description, version),
  ];
}

/** Roles that the stack describes, or whose like every site of pgsite's has. */
function rolesOf(description: StackDescription, version: Major): readonly string[] {
  const { administrator, osUser, roles } = description;
  const own = [administrator, replicationRoleOf(description, version), bootstrapSuperuser(administrator, osUser)];
  return [...new Set([...Object.keys(roles), ...own])];
}

function checkMembers(description: StackDescription, version: Major): Problem[] {
  const { roles } = description;
  const known = [
    ...rolesOf(description, version),
    ...predefinedRoles(version).filter((name) => name !== databaseOwner),
  ];
  const of = (name: string) => roles[name]?.memberOf ?? [];
  return Object.keys(roles).flatMap((name) =>
    of(name).flatMap((group, index) => {
      const path = `roles.${name}.memberOf[${index}]`;
      const circle = wayBack(name, group, of);
      if (circle === undefined) return unknownName("role", path, group, known);
      // Once for all who are in it.
      return circle.some((one) => one < name)
        ? []
        : [error(path, `goes in a circle: ${circle.join(" → ")}; a role is no member of its own members`)];
    }),
  );
}

/** From a role by what it is a member of to itself; undefined where no way leads back. */
function wayBack(name: string, from: string, of: (name: string) => readonly string[]): readonly string[] | undefined {
  const ways: (readonly string[])[] = [[name, from]];
  const seen = new Set<string>();
  for (let way = ways.shift(); way !== undefined; way = ways.shift()) {
    const last = way.at(-1) as string;
    if (last === name) return way;
    if (seen.has(last)) continue;
    seen.add(last);
    for (const next of of(last)) ways.push([...way, next]);
  }
  return undefined;
}

function checkOwners(description: StackDescription, version: Major): Problem[] {
  const known = rolesOf(description, version);
  const ofSchemas = atLeast(version, "14") ? [...known, databaseOwner] : known;
  return Object.entries(description.databases).flatMap(([database, { owner, schemas }]) => {
    const path = `databases.${database}`;
    const described = Array.isArray(schemas) ? [] : Object.entries(schemas);
    return [
      ...(owner === undefined ? [] : unknownName("role", `${path}.owner`, owner, known)),
      ...described.flatMap(([name, { owner: its }]) =>
        its === undefined ? [] : unknownName("role", `${path}.schemas.${name}.owner`, its, ofSchemas),
      ),
    ];
  });
}

function checkEncodings({ databases, initdb }: StackDescription): Problem[] {
  const places = [
    ["initdb.encoding", initdb.encoding] as const,
    ...Object.entries(databases).map(([name, { encoding }]) => [`databases.${name}.encoding`, encoding] as const),
  ];
  return places.flatMap(([path, encoding]) => {
    const why = encoding === undefined ? undefined : whyNoEncoding(encoding);
    return why === undefined ? [] : [error(path, why)];
  });
}

function checkSlots({ slots }: StackDescription, version: Major): Problem[] {
  if (slots.length > 0 && !atLeast(version, "9.4"))
    return [error("slots", "replication slots come with 9.4: take them out")];
  return slots.flatMap((name, index) =>
    isSlotName(name)
      ? []
      : [error(`slots[${index}]`, `"${name}" is no name of a slot: 1 to 63 lower-case letters, digits and _`)],
  );
}
