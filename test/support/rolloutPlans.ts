import type { ActualServer, DesiredServer } from "../../postgres/rollout/model.js";
import { planRollout } from "../../postgres/rollout/plan.js";
import { describePlan } from "../../servers/words/plan.js";

export type Settings = Readonly<Record<string, string>>;

/** A server as declared; a standby follows server2. */
export function desired(
  role: DesiredServer["role"],
  settings: Settings = {},
  more: Partial<DesiredServer> = {},
): DesiredServer {
  return {
    version: "15",
    role,
    hotStandby: true,
    settings,
    files: { "postgresql.conf": JSON.stringify(settings), "pg_hba.conf": "hba" },
    ...(role === "primary" ? {} : { upstream: "server2" }),
    ...more,
  };
}

/** One that runs with other settings than declared, or with the same. */
export function running(
  shall: DesiredServer,
  settings: Settings = shall.settings,
  more: Partial<ActualServer> = {},
): ActualServer {
  return {
    data: true,
    running: true,
    inRecovery: shall.role !== "primary",
    settings,
    files: { ...shall.files, "postgresql.conf": JSON.stringify(settings) },
    ...more,
  };
}

/** server2 is the primary, server3 follows it, des10 follows server3. */
export function cascade(settings: Settings, more: Partial<DesiredServer> = {}): Record<string, DesiredServer> {
  return {
    server2: desired("primary", settings, more),
    server3: desired("standby", settings, more),
    des10: desired("mirror", settings, { upstream: "server3", ...more }),
  };
}

export function allRunning(shall: Record<string, DesiredServer>, settings?: Settings): Record<string, ActualServer> {
  return Object.fromEntries(Object.entries(shall).map(([name, server]) => [name, running(server, settings)]));
}

/** The plan, a line a step. */
export function words(is: Record<string, ActualServer>, shall: Record<string, DesiredServer>): readonly string[] {
  return describePlan(planRollout(is, shall));
}
