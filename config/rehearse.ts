import { isIP } from "node:net";
import { parseHbaLine, renderHbaLine } from "../postgres/files/hba/index.js";
import { folderOf } from "./backups.js";
import { translateViewers } from "./rehearseViewers.js";
import { noSchedule } from "./schema/jobs.js";
import type {
  AccessDescription,
  BackupsDescription,
  RehearsalDescription,
  ServerDescription,
  StackDescription,
  TlsDescription,
  UpgradeDescription,
  UpstreamDescription,
  WatchDescription,
} from "./schema.js";

/**
 * Translates a stack's description to one machine: every host becomes a loopback address and a folder, so that
 * ports and everything else stay what they are. Pure: what comes out is a description like any other.
 */
export function rehearse(description: StackDescription, rehearsal: RehearsalDescription): StackDescription {
  const folderOf = (host: string) => `${rehearsal.folder}/${host}`;
  const inFolder = (host: string, path: string) => `${folderOf(host)}${path}`;
  const addressOf = (host: string) => {
    const address = rehearsal.addresses[host];
    if (address === undefined) throw new Error(`rehearsal.addresses has no loopback address for the host ${host}`);
    return address;
  };

  const hosts = Object.fromEntries(
    Object.keys(description.hosts).map((name) => [
      name,
      { address: rehearsal.addresses[name] ?? "127.0.0.1", transport: "local" as const },
    ]),
  );

  // What holds a path is said server by server, since each has its own folder; the rest stays where it was said.
  const [moved, kept] = divide(description.settings, ([name, value]) => {
    const translated = translateSettings({ [name]: value }, (path) => `/elsewhere${path}`);
    return translated[name] !== value;
  });

  const servers = Object.fromEntries(
    Object.entries(description.servers).map(([name, server]): [string, ServerDescription] => {
      const host = server.host ?? name;
      const { address: _address, certificate: _certificate, layout: _layout, configurationDirectory, ...rest } = server;
      const socketFolder = `${folderOf(host)}/run`;
      return [
        name,
        {
          ...rest,
          dataDirectory: inFolder(host, server.dataDirectory),
          ...(configurationDirectory === undefined
            ? {}
            : { configurationDirectory: inFolder(host, configurationDirectory) }),
          settings: {
            ...translateSettings(moved, (path) => inFolder(host, path)),
            ...translateSettings(server.settings ?? {}, (path) => inFolder(host, path)),
            listen_addresses: addressOf(host),
            unix_socket_directories: socketFolder,
          },
          ...(server.access === undefined ? {} : { access: translateAccess(server.access) }),
        },
      ];
    }),
  );

  const { upstream, archiving, tls, ...others } = description;
  const { binaries: _binaries, rehearsal: _rehearsal, expectedGrowth: _, mail: _mail, ...told } = others;
  const { backups, watch, upgrade, viewers, ...rest } = told;
  return {
    ...rest,
    ...(tls === undefined ? {} : { tls: translateTls(tls, upstream !== undefined) }),
    // The distribution's own units are not a rehearsal's to start.
    layout: "plain",
    // This machine is not the site's: its disk is not sized for it, and nothing is installed on it.
    install: "nothing",
    // Nor is anything far away here.
    ...(rest.baseBackup.method === "archive" ? { baseBackup: { ...rest.baseBackup, method: "auto" as const } } : {}),
    postgresql: rehearsal.postgresql ?? description.postgresql,
    ...(rehearsal.binaries === undefined ? {} : { binaries: rehearsal.binaries }),
    rehearsal,
    osUser: rehearsal.osUser,
    hosts,
    servers,
    ...(upstream === undefined
      ? {}
      : {
          upstream: {
            ...withoutAuthority(upstream),
            dataDirectory: inFolder(upstream.host ?? upstream.server, upstream.dataDirectory),
            ...(upstream.others === undefined
              ? {}
              : {
                  others: Object.fromEntries(
                    Object.entries(upstream.others).map(([name, one]) => [
                      name,
                      { ...one, dataDirectory: inFolder(one.host ?? name, one.dataDirectory) },
                    ]),
                  ),
                }),
          },
        }),
    settings: kept,
    clients: {
      ...description.clients,
      links: description.clients.links.map(({ user: _user, ...links }) => ({
        ...links,
        folder: inFolder(links.host, links.folder),
      })),
      serviceFiles: description.clients.serviceFiles.map(({ user: _user, ...file }) => ({
        ...file,
        path: inFolder(file.host, file.path),
      })),
      // Here every server listens on an address of its own alone.
      files: description.clients.files.map(({ user: _user, address: _address, ...file }) => ({
        ...file,
        path: inFolder(file.host, file.path),
      })),
    },
    ...(archiving === undefined ? {} : { archiving: translateArchiving(archiving, `${rehearsal.folder}/shared`) }),
    ...(backups === undefined || rehearsal.clients === undefined
      ? {}
      : { backups: translateBackups(backups, description, inFolder) }),
    ...(watch === undefined || rehearsal.clients === undefined ? {} : { watch: translateWatch(watch) }),
    ...(upgrade === undefined ? {} : { upgrade: translateUpgrade(upgrade) }),
    ...(viewers === undefined ? {} : { viewers: translateViewers(viewers, rehearsal.osUser, inFolder) }),
    access: translateAccess(description.access),
    // A rehearsal is taken down with its machine, and changes nothing of it.
    service: { ...description.service, manager: "none" },
    disposable: true,
  };
}

/** Nothing runs by itself in a rehearsal, and nobody gets mail of it. */
function translateBackups(
  { folder, copies, rateLimit: _, ...backups }: BackupsDescription,
  { servers }: StackDescription,
  inFolder: (host: string, path: string) => string,
): BackupsDescription {
  const hostOf = (server: string) => servers[server]?.host ?? server;
  return {
    ...backups,
    schedule: noSchedule,
    folder: Object.fromEntries(
      Object.keys(servers).flatMap((name) => {
        const own = folderOf(folder, name);
        return own === undefined ? [] : [[name, inFolder(hostOf(name), own)]];
      }),
    ),
    copies: copies.map(({ user: _user, port: _port, key: _key, ...copy }) => ({
      ...copy,
      folder: inFolder(copy.host ?? (copy.server === undefined ? "copies" : hostOf(copy.server)), copy.folder),
    })),
    ...(backups.drill === undefined ? {} : { drill: { ...backups.drill, schedule: noSchedule } }),
  };
}

/** A rehearsal keeps nobody from work, so that it needs no window; and what else is to change is the real site's: here it is named alone. */
function translateUpgrade({ window: _, after, ...upgrade }: UpgradeDescription): UpgradeDescription {
  return { ...upgrade, after: after.map(({ name }) => ({ name })) };
}

function translateWatch({ metrics: _, ...watch }: WatchDescription): WatchDescription {
  return { ...watch, schedule: noSchedule };
}

/** Settings that say where a server listens: a rehearsal decides these. */
const places = new Set(["listen_addresses", "unix_socket_directory", "unix_socket_directories"]);

/** Paths of this machine's own programs stay what they are. */
const systemPath = /^\/(usr|bin|sbin|lib|opt|etc|dev|proc)(\/|$)/;

/** Paths move into the host's folder, also those that are words of a command (archive_command …). */
function translateSettings(
  settings: StackDescription["settings"],
  translate: (path: string) => string,
): StackDescription["settings"] {
  return Object.fromEntries(
    Object.entries(settings)
      .filter(([name]) => !places.has(name))
      .map(([name, value]) => [
        name,
        typeof value !== "string"
          ? value
          : name.endsWith("_command")
            ? translateCommand(value, translate)
            : value.startsWith("/")
              ? translate(value)
              : value,
      ]),
  );
}

type Settings = StackDescription["settings"];

function divide(settings: Settings, belongs: (entry: [string, Settings[string]]) => boolean): [Settings, Settings] {
  const entries = Object.entries(settings);
  return [
    Object.fromEntries(entries.filter((entry) => belongs(entry))),
    Object.fromEntries(entries.filter((entry) => !belongs(entry))),
  ];
}

/**
 * Here nobody has the site's keys, and its certificates name other addresses: a rehearsal makes its own. A stack that mirrors
 * cannot know the authority that its upstream's stack makes here, so it insists on nothing.
 */
function translateTls({ authority: _authority, ...tls }: TlsDescription, mirrors: boolean): TlsDescription {
  return { ...tls, certificates: "made", required: tls.required && !mirrors };
}

/** The stack of the upstream makes another authority here, which this one does not know. */
function withoutAuthority({ authority: _authority, ...upstream }: UpstreamDescription): UpstreamDescription {
  return upstream;
}

/** A WAL archive is one place for all hosts: in a rehearsal, a folder that they share. */
function translateArchiving(
  archiving: NonNullable<StackDescription["archiving"]>,
  folder: string,
): NonNullable<StackDescription["archiving"]> {
  const translate = (command: string) => translateCommand(command, (path) => folder + path);
  return {
    ...archiving,
    archiveCommand: translate(archiving.archiveCommand),
    ...(archiving.restoreCommand === undefined ? {} : { restoreCommand: translate(archiving.restoreCommand) }),
  };
}

/** The same for a command's words. */
function translateCommand(command: string, translate: (path: string) => string): string {
  return command.replace(/(^|[\s'"=])(\/[^\s'"]+)/g, (whole, before: string, path: string) =>
    systemPath.test(path) ? whole : before + translate(path),
  );
}

/**
 * On Linux a connection to any 127.0.0.x comes from 127.0.0.1, so every address of an access rule becomes that
 * one; rules that become equal by it are kept once.
 */
function translateAccess(rules: readonly AccessDescription[]): AccessDescription[] {
  const translated = rules.map((rule): AccessDescription => {
    if (typeof rule !== "string") {
      return rule.address === undefined ? rule : { ...rule, address: loopbackFor(rule.address) };
    }
    const columns = rule.trim().split(/\s+/);
    const address = columns[3];
    if (columns[0] === "local" || address === undefined) return rule;
    const { rule: read } = parseHbaLine(rule, "");
    if (read?.address !== undefined && read.address !== address) {
      // Quotes or commas with blanks beside them: its columns are not what blanks separate.
      const { mask: _mask, ...rest } = read;
      return renderHbaLine({ ...rest, address: loopbackFor(read.address) });
    }
    // An address may be followed by its mask in a column of its own.
    const rest = columns.slice(isIP(address) !== 0 && isIP(columns[4] ?? "") !== 0 ? 5 : 4);
    return [...columns.slice(0, 3), loopbackFor(address), ...rest].join(" ");
  });
  const seen = new Set<string>();
  return translated.filter((rule) => {
    const key = JSON.stringify(rule);
    return seen.has(key) ? false : seen.add(key) !== undefined;
  });
}

function loopbackFor(address: string): string {
  if (["all", "samehost", "samenet"].includes(address)) return address;
  return address.includes(":") ? "::1/128" : "127.0.0.1/32";
}
