/** Loads what every refresh reads with, before the first read asks for it. What fails here is said by whoever needs it. */
export function warmUp(): void {
  const loading = [
    import("./host.js").then(() => import("../hosts/index.js")),
    import("../servers/session.js"),
    import("../servers/sharedSession.js"),
    import("../servers/live.js"),
    import("../servers/writable.js"),
    import("../servers/status.js"),
    import("../servers/adopted.js"),
    import("../servers/dataDirectory.js"),
    import("../servers/process.js"),
    import("../postgres/catalogue.js"),
    import("../postgres/values.js"),
    import("../postgres/verifier.js"),
  ];
  Promise.allSettled(loading).catch(() => undefined);
}
