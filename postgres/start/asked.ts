import type { RolloutPlan, Step } from "../rollout/model.js";
import { splitPaths } from "../settings/lists.js";

/**
 * Settings of which a value of the right form may still be refused, by what is on the host. A server that reads its files again
 * keeps what it had, and does not start the next time.
 */
const judgedOnHost = /^(timezone|log_timezone|lc_\w+|timezone_abbreviations|default_text_search_config|ssl|ssl_\w+)$/i;

/** Whether it takes the program itself to know that a server takes what a reload brings. */
function needsProgram({ because }: Pick<Step, "because">): boolean {
  return because.some((reason) => {
    switch (reason.code) {
      case "setting":
        return reason.setting.includes(".") || judgedOnHost.test(reason.setting);
      case "fileDiffers":
      case "fileMissing":
        return reason.file === "pg_hba.conf";
      default:
        return false;
    }
  });
}

type Planned = Pick<RolloutPlan, "switchover" | "failover"> & { readonly steps: readonly Omit<Step, "hold">[] };

/**
 * Servers of which is asked, before anything is changed, whether they can start with what they are to get: those that are
 * started anew, and one that hands over, which is started after it. A failover waits for nothing.
 */
export function toAsk({ switchover, failover, steps }: Planned): readonly string[] {
  if (failover !== undefined) return [];
  const asked = steps.filter(({ action, server, ...step }) => {
    if (action === "restart" || action === "rejoin" || action === "seed") return true;
    return action === "start" ? server === switchover?.from : action === "reload" && needsProgram(step);
  });
  return [...new Set(asked.map(({ server }) => server))];
}

type Settings = Readonly<Record<string, string>>;

/**
 * What a dry start of a preview is told in place of what is declared and not in force: it runs no code that nobody has approved.
 * Libraries of the program's own folder are what whoever installed the program put there.
 */
export function withoutUnapproved(inForce: Settings, declared: Settings): Settings {
  const path = inForce.dynamic_library_path ?? "$libdir";
  const isSamePath = (declared.dynamic_library_path ?? "$libdir") === path;
  const libraries = (settings: Settings) => splitPaths(settings.shared_preload_libraries ?? "") ?? [];
  const wanted = libraries(declared);
  const approved = wanted.filter((one) => !one.includes("/") || libraries(inForce).includes(one));
  const command = declared.ssl_passphrase_command ?? "";
  return {
    ...(isSamePath ? {} : { dynamic_library_path: path }),
    ...(approved.length === wanted.length
      ? {}
      : { shared_preload_libraries: approved.map((one) => `"${one.replaceAll('"', '""')}"`).join(",") }),
    ...(command === "" || command === inForce.ssl_passphrase_command ? {} : { ssl: "off" }),
  };
}
