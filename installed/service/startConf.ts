import { join } from "node:path";
import type { Host } from "../../hosts/host.js";
import { must } from "../must.js";

/** What Debian's start.conf says: whether its init script and its unit start a cluster with the machine. */
export type StartMode = "auto" | "manual" | "disabled";

/** @param folder of a cluster's configuration. Without a file it is auto, as for Debian's tools. */
export async function readStartMode(host: Host, folder: string): Promise<string> {
  const text = (await host.readFile(join(folder, "start.conf")))?.toString("utf8") ?? "";
  const lines = text.split("\n").map((line) => line.replace(/#.*/, "").trim());
  return lines.find((line) => line !== "") ?? "auto";
}

/** As the cluster's owner, whose folder it is: comments stay. What Debian's tools expect beside it is made where it is missing. */
const setting = `cd -- "$folder" || exit
umask 022
[ -e start.conf ] || echo "$mode" >start.conf
[ -e environment ] || echo "# Environment of the server: NAME = 'value'" >environment
[ -e pg_ctl.conf ] || echo "pg_ctl_options = ''" >pg_ctl.conf
[ -d conf.d ] || mkdir conf.d
sed -i -e "s/^ *auto *$/$mode/; s/^ *manual *$/$mode/; s/^ *disabled *$/$mode/" start.conf`;

/** @param host as root, or as the cluster's owner */
export async function setStartMode(host: Host, user: string, folder: string, mode: StartMode): Promise<void> {
  const script = `export folder="$2" mode="$3"; [ "$(id -un)" = "$1" ] || exec su -s /bin/sh "$1" -c "$4"; exec sh -c "$4"`;
  await must(host, ["sh", "-c", script, "sh", user, folder, mode, setting]);
}
