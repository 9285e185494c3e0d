/** Loads what every refresh reads with, before the first read asks for it. What fails here is said by whoever needs it. */
export function warmUp(): void {
  const loading = [
    import("../../hosts/index.js"),
    import("../../servers/sql/session.js"),
    import("../../servers/sql/sharedSession.js"),
    import("../../servers/status/runningSettings.js"),
    import("../../servers/sql/writable.js"),
    import("../../servers/rollout/configuration.js"),
    import("../../servers/status/status.js"),
    import("../../servers/rollout/topology.js"),
    import("../../servers/data/adopted.js"),
    import("../../servers/data/dataDirectory.js"),
    import("../../servers/process/process.js"),
    import("../../postgres/settings/catalogue.js"),
    import("../../postgres/settings/values.js"),
    import("../../postgres/verifier.js"),
  ];
  Promise.allSettled(loading).catch(() => undefined);
}
