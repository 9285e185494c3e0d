import { posix } from "node:path";
import { type Application, configurationsFolder, type Viewers } from "../../config/viewers.js";

/** What must be there before anything of the viewers is changed, and is nobody's to make but an administrator's. */
export interface Need {
  readonly path: string;
  readonly type: "file" | "folder";
  /** What cannot do without: an application's name, or `httpd`. */
  readonly by: string;
}

/** A folder that has to belong to the viewers' user. */
export interface ViewersFolder {
  readonly path: string;
  /** With which it is made, where it is missing. */
  readonly mode: number;
}

export function foldersOf(viewers: Viewers): readonly ViewersFolder[] {
  const { folder, html, bin, logs, applications } = viewers;
  const shown = [folder, posix.join(folder, "conf.d"), html, configurationsFolder(viewers), bin];
  const own = [logs, ...applications.flatMap((one) => (one.kind === "mod_python" ? [one.sessions] : []))];
  return [
    ...[...new Set(shown)].map((path) => ({ path, mode: 0o755 })),
    ...[...new Set(own)].map((path) => ({ path, mode: 0o700 })),
  ];
}

/** Folders of products whose link the viewers keep. They are there with their versions. */
export function productFolders({ applications }: Viewers): readonly string[] {
  const kept = applications.flatMap(({ current, version }) => (version === undefined ? [] : [posix.dirname(current)]));
  return [...new Set(kept)];
}

/** Where `current` of an application leads once its link is as declared. */
export function versionFolder({ current, version }: Application): string {
  return version === undefined ? current : posix.join(posix.dirname(current), version);
}

export function needsOf(viewers: Viewers): readonly Need[] {
  const { httpd, applications, rehearsed } = viewers;
  if (rehearsed) return [];
  return [
    { path: httpd.program, type: "file", by: "httpd" },
    ...applications.flatMap((one): Need[] => {
      const folder = versionFolder(one);
      const module = one.kind === "wsgi" ? httpd.wsgi : httpd.python;
      return [
        { path: module, type: "file", by: one.name },
        { path: folder, type: "folder", by: one.name },
        { path: posix.join(folder, posix.relative(one.current, one.script)), type: "file", by: one.name },
        ...(one.kind === "wsgi" && one.pythonHome !== undefined
          ? [{ path: one.pythonHome, type: "folder", by: one.name } as const]
          : []),
      ];
    }),
  ];
}
