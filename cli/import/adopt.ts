import { join } from "node:path";
import { controlPath } from "../../config/controlDirectory.js";
import type { Server, Site } from "../../config/site.js";
import { hostOf } from "../../hosts/index.js";
import { filedSettings } from "../../postgres/files/facts.js";
import { parseHba, renderHbaLine } from "../../postgres/files/hba/index.js";
import { fileOf, nameOfFile } from "../../postgres/files/places.js";
import { maskedAt, secretsInAccess, shownValue } from "../../postgres/secrets/index.js";
import { findSetting } from "../../postgres/settings/catalogue.js";
import { sameValue } from "../../postgres/settings/values.js";
import { type Adopted, type AdoptedGroup, hashOfBytes, writeAdopted } from "../../servers/data/adopted.js";
import { inspectDataDirectory, writeIdentity } from "../../servers/data/dataDirectory.js";
import { declaredPermissions } from "../../servers/data/staging.js";
import type { HandMade } from "./read.js";

/** What pgsite would write otherwise than it is, when it first writes a server's files. */
export interface FirstWrite {
  /** Sentences for people. */
  readonly changes: readonly string[];
  /** What the server has by setting, where what is declared is another value. */
  readonly runs: Readonly<Record<string, string>>;
}

/** Compares by meaning what a hand-made server has with what its description renders. */
export function firstWrite(found: HandMade, server: Server): FirstWrite {
  const declared = filedSettings(present(server.files));
  const has: Readonly<Record<string, string>> = {
    ...Object.fromEntries(Object.entries(found.settings).map(([name, { value }]) => [name, value])),
    ...found.recovery,
  };
  const runs: Record<string, string> = {};
  const changes: string[] = [];
  for (const name of [...new Set([...Object.keys(has), ...declared.keys()])].sort()) {
    const setting = findSetting(found.version, name);
    const [left, right] = [has[name] ?? setting?.default, declared.get(name)?.value ?? setting?.default];
    if (
      left === right ||
      (left !== undefined && right !== undefined && setting !== undefined && sameValue(setting, left, right))
    )
      continue;
    if (["config_file", "hba_file", "ident_file", "data_directory"].includes(name)) continue;
    if (name === "port" && right === `${found.port}`) continue;
    runs[setting?.name ?? name] = left ?? "";
    const secret = name === "primary_conninfo";
    const said = (setting: string, value: string | undefined) =>
      value === undefined ? "unset" : shownValue(setting, value);
    changes.push(
      secret
        ? "primary_conninfo connects by pgsite's passfile and names the server (application_name); it goes to the same upstream as the same role"
        : `${name}: ${said(name, left)} becomes ${said(name, right)}`,
    );
  }
  const lines = (entries: HandMade["access"]) =>
    entries.flatMap(({ rule }) => (rule === undefined ? [] : [renderHbaLine(rule)]));
  const [before, after] = [lines(found.access), lines(parseHba(server.files["pg_hba.conf"] ?? "").entries)];
  const added = after.filter((line) => !before.includes(line));
  const order = after.filter((line) => before.includes(line)).join("\n") !== [...new Set(before)].join("\n");
  changes.push(...added.map((line) => `pg_hba.conf gets the rule: ${maskedAt(line, secretsInAccess(line)).text}`));
  if (order) changes.push("pg_hba.conf: pgsite's own rules come first, and no rule comes twice");
  for (const [name, { permissions }] of ownFiles(found, server)) {
    if (server.files[name] == null) continue;
    const wanted = declaredPermissions({ ...server, host: found.spec }, name, server.files[name] ?? "");
    if (permissions !== wanted) changes.push(`${name}: ${permissions} becomes ${wanted}`);
  }
  return { changes, runs };
}

/**
 * Marks a server as known to pgsite: the one thing that an import writes on a host. Into the control directory beside the
 * data directory go copies of the hand-written files, what they stand for, and last `identity.json`.
 * @throws where the data directory is known as another server's already
 */
export async function adopt(site: Site, server: Server, found: HandMade): Promise<void> {
  const host = hostOf(found.spec);
  const { kind, identity } = await inspectDataDirectory(host, server);
  if (identity !== undefined && (identity.site !== site.name || identity.server !== server.name)) {
    throw new Error(
      `${server.dataDirectory} on ${server.host.name} is known as ${identity.server} of the site ${identity.site} (${server.controlDirectory}): it was left as it is`,
    );
  }
  if (kind !== "foreign" && kind !== "ours") {
    throw new Error(`${server.dataDirectory} on ${server.host.name} is ${kind}: it was left as it is`);
  }
  const copies = controlPath(server, "adoptedFiles");
  await host.makeDirectory(server.controlDirectory);
  await host.makeDirectory(copies);
  for (const [path, { content }] of Object.entries(found.files)) {
    await host.writeFile(join(copies, copyName(nameOfFile(server, path))), content);
  }
  await writeAdopted(host, server, adoptedOf(found, server));
  await writeIdentity(host, server, {
    site: site.name,
    server: server.name,
    ...(site.standalone === true ? { stack: site.stack } : {}),
    systemIdentifier: found.systemIdentifier,
  });
}

/** In groups: a hand that edits pg_hba.conf says nothing of the settings, nor recovery.conf (read by a parser of its own until 11). */
export function adoptedOf(found: HandMade, server: Server): Adopted {
  const apart = ["pg_hba.conf", "recovery.conf"];
  const names = Object.keys(server.files);
  const group = (
    mine: (name: string) => boolean,
    { runs, folders }: Pick<AdoptedGroup, "runs" | "folders">,
  ): AdoptedGroup => {
    const paths = [...names.map((name) => fileOf(server, name)), ...Object.keys(found.files)].filter((path) =>
      mine(nameOfFile(server, path)),
    );
    return {
      found: Object.fromEntries(
        [...new Set(paths)].sort().map((path) => {
          const file = found.files[path];
          return [path, file === undefined ? null : hashOfBytes(file.content)];
        }),
      ),
      standsFor: Object.fromEntries(names.filter(mine).map((name) => [name, server.files[name] ?? null])),
      permissions: Object.fromEntries(
        ownFiles(found, server).flatMap(([name, { permissions }]) =>
          mine(name) && names.includes(name) ? [[name, permissions]] : [],
        ),
      ),
      runs: { ...runs },
      ...(folders === undefined ? {} : { folders }),
    };
  };
  return {
    groups: [
      group((name) => !apart.includes(name), {
        runs: { ...firstWrite(found, server).runs },
        folders: Object.fromEntries(Object.entries(found.folders).map(([folder, files]) => [folder, [...files]])),
      }),
      ...apart.map((name) => group((one) => one === name, { runs: {} })),
    ],
  };
}

/** Files that pgsite may write. */
function ownFiles(found: HandMade, server: Server) {
  return Object.entries(found.files).flatMap(([path, file]) => {
    const name = nameOfFile(server, path);
    return name.startsWith("/") ? [] : [[name, file] as const];
  });
}

function copyName(name: string): string {
  return name.replace(/^\//, "").replaceAll("/", "_");
}

function present(files: Server["files"]): Record<string, string> {
  return Object.fromEntries(Object.entries(files).flatMap(([name, text]) => (text === null ? [] : [[name, text]])));
}
