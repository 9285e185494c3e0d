import { dirname } from "node:path";
import { filesRead } from "../../postgres/files/facts.js";
import { isIncluded } from "../../postgres/files/places.js";
import type { Look } from "../status/look.js";
import type { Files } from "./staging.js";

interface Declared {
  readonly files: Files;
  readonly configurationDirectory?: string | undefined;
}

/**
 * Files of settings that somebody put beside the included ones, by name. pgsite's postgresql.conf includes its files by name;
 * whoever knows a distribution's, which includes the folder, expects such a file to be read.
 */
export async function droppedFiles(look: Look, { files, configurationDirectory }: Declared): Promise<Files> {
  const declared = Object.keys(files).filter(isIncluded);
  const folders = [
    ...(configurationDirectory === undefined ? [] : ["conf.d"]),
    ...declared.flatMap((name) => (name.includes("/") ? [dirname(name)] : [])),
  ];
  const found = await Promise.all(
    [...new Set(folders)].map(async (folder) => (await look.included(folder)).map((name) => `${folder}/${name}`)),
  );
  const names = found.flat().filter((name) => !declared.includes(name));
  return names.length === 0 ? {} : look.texts(names);
}

/** Dropped files that the server reads count as its own; the others are ignored. */
export function byReading(found: Files, dropped: Files): { readonly files: Files; readonly ignored: Files } {
  if (Object.keys(dropped).length === 0) return { files: found, ignored: {} };
  const read = filesRead({ ...found, ...dropped });
  const only = (wanted: boolean) =>
    Object.fromEntries(Object.entries(dropped).filter(([name]) => read.has(name) === wanted)) as Files;
  return { files: { ...found, ...only(true) }, ignored: only(false) };
}
