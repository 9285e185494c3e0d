import type { HostSpec } from "../../hosts/host.js";
import { keyText } from "../../hosts/key.js";
import { type Files, hashesOf } from "../data/staging.js";
import type { RolloutServer } from "./state.js";

interface Located {
  readonly host: HostSpec;
  readonly dataDirectory: string;
}

/** By place: what the resources of this process declare. A rollout's own have digests of files alone. */
const declared = new Map<string, Files>();

const keyOf = ({ host, dataDirectory }: Located) => keyText([host.name, dataDirectory]);

/** Remembers the files of a server as declared, for the preview of its rollout, which is checked later in the same process. */
export function noteDeclared(place: Located, files: Files): void {
  declared.set(keyOf(place), files);
}

/** The files that are declared for a server; undefined where nobody has said them, or others by now. */
export function declaredFiles(server: RolloutServer): Files | undefined {
  const files = declared.get(keyOf(server));
  if (files === undefined) return undefined;
  const found = hashesOf(files);
  const names = Object.keys(server.files);
  const isSame =
    names.length === Object.keys(found).length && names.every((name) => found[name] === server.files[name]);
  return isSame ? files : undefined;
}
