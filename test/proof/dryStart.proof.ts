import { once } from "node:events";
import { chmodSync, mkdirSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, it } from "vitest";
import { hostOf } from "../../hosts/index.js";
import { atLeast, type Major } from "../../postgres/versions.js";
import { programsOf } from "../support/programs.js";
import { quick, RolloutSite } from "../support/rolloutSite.js";
import { WontStart } from "../support/wontStart.js";

/* What a server would not start with, in every way that we know: refused before anything stops, or taken back. */

type Settings = Readonly<Record<string, string>>;

interface Way {
  readonly way: string;
  /** Left out where the version has no such thing. */
  readonly versions?: (major: Major) => boolean;
  /** Declared for the server. */
  readonly settings?: Settings | ((way: Place) => Settings | Promise<Settings>);
  readonly access?: readonly string[];
  /** What no declaration is let through with, or a rehearsal puts elsewhere. */
  readonly lines?: Settings | ((way: Place) => Settings | Promise<Settings>);
  readonly says: string | ((major: Major) => string);
  /** A preview loads no library that is new, from wherever a stack file says. */
  readonly untold?: true;
  readonly standbysOnly?: true;
  readonly port?: number;
}

interface Place {
  readonly major: Major;
  /** A folder of the server's OS user, and its name in a declaration. */
  readonly folder: string;
  readonly declared: string;
  write(name: string, text: string, mode: number): Promise<string>;
}

const otherMajor = (major: Major): Major => (major === "15" ? "16" : "15");

const ways: readonly Way[] = [
  {
    way: "a library is missing",
    settings: { shared_preload_libraries: "nothere" },
    says: 'could not access file "nothere"',
  },
  {
    way: "shared memory is larger than the machine's",
    settings: { shared_buffers: "4TB" },
    says: "of shared memory, and ",
  },
  {
    way: "huge pages are on and there are none",
    settings: { huge_pages: "on", shared_buffers: "1TB" },
    says: "huge_pages is on",
  },
  {
    way: "its certificate is none",
    lines: async ({ write }) => ({
      ssl: "on",
      ssl_cert_file: await write("bad.crt", "no certificate", 0o600),
      ssl_key_file: await write("bad.key", "no key", 0o600),
    }),
    says: "could not load server certificate file",
  },
  {
    way: "a time zone is unknown",
    settings: { timezone: "Nowhere/Nix" },
    says: 'invalid value for parameter "TimeZone"',
  },
  { way: "its port is taken", port: 5499, says: "another process listens there" },
  {
    way: "its programs have not an access method of the version",
    access: ["host all nobody 192.0.2.0/24 bsd"],
    says: "bsd",
  },
  {
    way: "its socket's folder is gone",
    lines: { unix_socket_directories: "/proc/nowhere" },
    says: "where it is to put its socket",
  },
  {
    way: "it may not write to its log's folder",
    settings: async ({ folder, declared }) => {
      mkdirSync(folder, { recursive: true });
      chmodSync(folder, 0o555);
      return { logging_collector: "on", log_directory: declared };
    },
    says: "where its log is to be",
  },
  {
    way: "a recovery target ends the standby",
    versions: (major) => atLeast(major, "12"),
    settings: { recovery_target: "immediate", recovery_target_action: "shutdown" },
    says: "it has passed recovery_target 'immediate'",
    standbysOnly: true,
  },
  {
    way: "senders and reserved connections are more than connections",
    lines: { superuser_reserved_connections: "30" },
    says: "superuser_reserved_connections",
  },
  {
    way: "a library is of another major version",
    lines: async ({ major }) => {
      const folder = join(dirname(await programsOf(otherMajor(major))), "lib", "postgresql");
      return { shared_preload_libraries: join(folder, "pg_stat_statements.so") };
    },
    says: "pg_stat_statements.so",
    untold: true,
  },
  // Not in the list.
  {
    way: "a locale is unknown",
    lines: { lc_messages: "xx_YY.UTF-8" },
    says: 'invalid value for parameter "lc_messages"',
  },
  { way: "no address is its host's", lines: { listen_addresses: "192.0.2.77" }, says: "no address of its host" },
  { way: "WAL is minimal and senders are wanted", lines: { wal_level: "minimal" }, says: "wal_level" },
  {
    way: "others may read its private key",
    lines: async ({ write }) => {
      const key = await write("open.key", "x", 0o644);
      return { ssl: "on", ssl_cert_file: await write("some.crt", "x", 0o600), ssl_key_file: key };
    },
    says: "could not load server certificate file",
  },
  {
    way: "an extension knows neither the value nor the name",
    settings: {
      shared_preload_libraries: "pg_stat_statements",
      "pg_stat_statements.max": "5OOO",
      "pg_stat_statements.tracck": "all",
    },
    says: 'invalid value for parameter "pg_stat_statements.max": "5OOO"',
  },
];

const hosts = ["server2", "server3"] as const;

describe.each([
  { major: "11", block: 102, names: hosts },
  { major: "15", block: 102, names: hosts },
  { major: "18", block: 102, names: hosts },
  { major: "11", block: 104, names: ["server2"] },
  { major: "15", block: 104, names: ["server2"] },
  { major: "18", block: 104, names: ["server2"] },
] as const)(
  "what a server of $names does not start with, at $major",
  { timeout: 120_000 },
  ({ major, block, names }) => {
    let site: RolloutSite;
    let wont: WontStart;

    const good = {
      settings: { ...quick, max_connections: "30" },
      servers: Object.fromEntries(names.map((name) => [name, { dataDirectory: `/srv/${name}/data` }])),
    };

    beforeAll(async () => {
      site = await RolloutSite.make(major, block, good);
      await site.up();
      wont = new WontStart(site, good);
    }, 180_000);

    afterAll(() => site?.close(), 60_000);

    const placeOf = (name: string, index: number): Place => {
      const declared = `/way-${index}`;
      const folder = join(site.folder, site.server(name).host.name, declared);
      return {
        ...{ major, folder, declared },
        write: async (file, text, mode) => {
          await hostOf(site.server(name).host).writeFile(join(folder, file), text, { mode });
          return join(folder, file);
        },
      };
    };

    const cases = names.flatMap((name) =>
      ways.flatMap((way, index) => {
        const isOthers = way.versions?.(major) === false || (way.standbysOnly === true && name === "server2");
        return isOthers ? [] : [{ name, index, ...way }];
      }),
    );

    it.each(cases)(
      "is refused before $name stops, where $way",
      async ({ name, index, settings, lines, access, says, port, untold }) => {
        const place = placeOf(name, index);
        if (lines !== undefined || settings !== undefined)
          await hostOf(site.server(name).host).makeDirectory(place.folder);
        const declared = typeof settings === "function" ? await settings(place) : settings;
        const more = typeof lines === "function" ? await lines(place) : lines;
        const server = {
          ...good.servers[name],
          ...(declared === undefined ? {} : { settings: declared }),
          ...(access === undefined ? {} : { access }),
          ...(port === undefined ? {} : { port }),
        };
        const other = port === undefined ? undefined : createServer().listen(port, site.server(name).address);
        if (other !== undefined) await once(other, "listening");
        try {
          wont.declare({ ...good, servers: { ...good.servers, [name]: server } }, name, more);
          await wont.refusedNow([`${name} would not start`, typeof says === "function" ? says(major) : says], untold);
        } finally {
          other?.close();
        }
      },
    );

    it.each(names)("starts %s with its old files, where that could not be known", async (name) => {
      const folder = await wont.folderOf(name);
      const server = { ...good.servers[name], settings: { logging_collector: "on", log_directory: "/logs" } };
      wont.closeBefore(`${name}: restart`, folder);
      await wont.putBack(
        { ...good, servers: { ...good.servers, [name]: server } },
        `${name} does not start`,
        "Permission denied",
      );
      wont.open(folder);
    });

    it.skipIf(names.length === 1 || !atLeast(major, "12"))(
      "starts a standby with its old files that came to its target and ended",
      async () => {
        await site.query("server3", "checkpoint");
        await site.query("server2", "create table if not exists t ()", "select pg_create_restore_point('here')");
        await site.query("server2", "create table u ()", "drop table u");
        const settings = { recovery_target_name: "here", recovery_target_action: "shutdown" };
        const servers = { ...good.servers, server3: { ...good.servers.server3, settings } };
        await wont.putBack({ ...good, servers }, "server3 does not start with its new files");
      },
    );
  },
);
