import { once } from "node:events";
import { chmodSync } from "node:fs";
import { createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { quick, RolloutSite } from "../support/rolloutSite.js";
import { WontStart } from "../support/wontStart.js";

type Settings = Readonly<Record<string, string>>;

const declared = (settings: Settings = {}, standby: Settings = {}) => ({
  settings: { ...quick, max_connections: "30", ...settings },
  servers: {
    server2: { dataDirectory: "/srv/server2/data" },
    server3: { dataDirectory: "/srv/server3/data", settings: standby },
  },
});

describe("what a server would not start with", { timeout: 60_000 }, () => {
  let site: RolloutSite;
  let wont: WontStart;

  beforeAll(async () => {
    site = await RolloutSite.make("15", 101, declared());
    await site.up();
    wont = new WontStart(site, declared());
  }, 120_000);

  afterAll(() => site?.close(), 60_000);

  it("is refused before anything stops, in the program's own words", () =>
    wont.refused(
      declared({ shared_preload_libraries: "nothere" }),
      `server2 would not start with what it is to get: its program says "FATAL: could not access file "nothere": No such file or directory"`,
      "server3 would not start with",
      "Nothing was changed, and it runs on",
    ));

  it("is refused where a reload would take it for now: the next start would fail", () =>
    wont.refused(
      declared({}, { log_timezone: "Nowhere/Nix" }),
      `invalid value for parameter "log_timezone": "Nowhere/Nix"`,
    ));

  it("is refused where the kernel has not that much: by what the server that runs would give back, too", async () => {
    await wont.refused(declared({ shared_buffers: "4TB" }), "it asks for 4.", "lower shared_buffers");
    await wont.refused(declared({}, { huge_pages: "on", shared_buffers: "1TB" }), "server3", "vm.nr_hugepages");
  });

  it("is refused where an extension takes no notice of it, which a start would only warn of", async () => {
    const loaded = { shared_preload_libraries: "pg_stat_statements" };
    const said = await wont.refused(
      declared({ ...loaded, "pg_stat_statements.max": "5OOO", "pg_stat_statements.tracck": "all" }),
      `WARNING: invalid value for parameter "pg_stat_statements.max": "5OOO"`,
      `invalid configuration parameter name "pg_stat_statements.tracck"`,
    );
    expect(said).toContain("mend that in the stack file, or take the setting away");
  });

  it("is refused where another process listens, and where its log cannot be", async () => {
    const taken = createServer().listen(5499, site.server("server3").address);
    await once(taken, "listening");
    try {
      const servers = { ...declared().servers, server3: { dataDirectory: "/srv/server3/data", port: 5499 } };
      await wont.refused(
        { ...declared(), servers },
        "server3 would not start",
        "at port 5499 it cannot listen on",
        "another process listens there",
      );
    } finally {
      taken.close();
    }
    await wont.refused(
      declared({}, { logging_collector: "on", log_directory: "/no/such/folder" }),
      "/no/such/folder, where its log is to be, is missing",
    );
  });

  it.each(["server3", "server2"])("starts %s with its old files where nobody could know", async (name) => {
    const folder = await wont.folderOf(name);
    const collected = { logging_collector: "on", log_directory: "/logs" };
    const declaration = {
      ...declared(),
      servers: { ...declared().servers, [name]: { dataDirectory: `/srv/${name}/data`, settings: collected } },
    };
    wont.closeBefore(`${name}: restart`, folder);
    await wont.putBack(declaration, `${name} does not start with its new files: `, "Permission denied");
    wont.open(folder);
  });

  it("puts the old files back also for a rollout that was cut off between stopping and starting", async () => {
    const folder = await wont.folderOf("server3");
    const collected = { logging_collector: "on", log_directory: "/logs" };
    await wont.cutOff(declared({}, collected), "server3", "postgresql.conf");
    chmodSync(folder, 0o500);
    const failure = await wont.failing();
    expect(failure).toContain("server3 does not start with its new files: ");
    expect(failure).toContain("it runs with them as before");
    wont.nothingIsLeft();
    wont.open(folder);
    await wont.mended(undefined);
  });
});
