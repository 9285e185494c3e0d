import { describe, expect, it } from "vitest";
import { resolveStack } from "../../../config/resolve.js";

const texts: Readonly<Record<string, string>> = {
  "a space": "two words",
  "a single quote": "it's",
  "a double quote": 'a "word"',
  "a command": "$(touch pwned)",
  backticks: "`touch pwned`",
  "a variable": "$HOME",
  "a semicolon": "a; touch pwned",
  "a backslash": "back\\slash",
  "a leading dash": "-rf",
  "a line break": "two\nlines",
  unicode: "é☃",
};

/** Where it may stand: nothing of it means anything there, to us or to PostgreSQL's own programs. */
const harmless = {
  path: ["a space", "a single quote", "a semicolon", "a leading dash", "unicode"],
  name: Object.keys(texts).filter((what) => what !== "a line break"),
  setting: Object.keys(texts),
  nothing: [],
} as const satisfies Record<string, readonly string[]>;

const base = {
  site: "orders",
  postgresql: "15",
  osUser: "postgres",
  hosts: { server2: { address: "192.0.2.2" }, server3: { address: "192.0.2.3" } } as Record<string, object>,
  primary: "server2",
  servers: { server2: { dataDirectory: "/srv/two" }, server3: { dataDirectory: "/srv/three" } } as Record<
    string,
    object
  >,
};

/** By field: the stack file with a text in it, and where that is taken. */
const fields: Readonly<Record<string, readonly [(text: string) => object, accepted: readonly string[]]>> = {
  "servers.server3.dataDirectory": [
    (text) => ({ servers: { ...base.servers, server3: { dataDirectory: `/srv/${text}` } } }),
    harmless.path,
  ],
  binaries: [(text) => ({ binaries: `/opt/${text}` }), harmless.path],
  osUser: [(osUser) => ({ osUser }), harmless.nothing],
  "hosts.server3.address": [(address) => ({ hosts: { ...base.hosts, server3: { address } } }), harmless.nothing],
  "hosts.server3.ssh": [
    (ssh) => ({ hosts: { ...base.hosts, server3: { address: "192.0.2.3", ssh } } }),
    harmless.nothing,
  ],
  "hosts.server3.login": [
    (login) => ({ hosts: { ...base.hosts, server3: { address: "192.0.2.3", login } } }),
    harmless.nothing,
  ],
  "hosts.server3.become": [
    (become) => ({ hosts: { ...base.hosts, server3: { address: "192.0.2.3", become } } }),
    harmless.nothing,
  ],
  "a host's name": [(name) => ({ hosts: { ...base.hosts, [name]: "192.0.2.4" } }), harmless.nothing],
  "a server's name": [
    (name) => ({ servers: { ...base.servers, [name]: { host: "server3", port: 5433, dataDirectory: "/srv/four" } } }),
    harmless.nothing,
  ],
  site: [(site) => ({ site }), harmless.nothing],
  postgresql: [(postgresql) => ({ postgresql }), harmless.nothing],
  port: [(port) => ({ port }), harmless.nothing],
  "a role's name": [(role) => ({ roles: { [role]: { login: false } } }), harmless.name],
  "a database's name": [(database) => ({ databases: { [database]: {} } }), harmless.name],
  "settings.log_directory": [(text) => ({ settings: { log_directory: text } }), harmless.setting],
  "settings.log_filename": [(text) => ({ settings: { log_filename: text } }), harmless.setting],
};

const errorsOf = (more: object) => {
  const raw = Object.entries({ ...base, ...more }).map(([key, value]) => [
    `pgsite:${key}`,
    typeof value === "string" ? value : JSON.stringify(value),
  ]);
  return resolveStack("site", Object.fromEntries(raw)).problems.filter(({ severity }) => severity === "error");
};

describe.each(Object.entries(fields))("%s", (_, [withText, accepted]) => {
  it.each(Object.entries(texts))("with %s is taken where it does no harm, and refused elsewhere", (what, text) => {
    expect(errorsOf(withText(text)).length > 0 ? "refused" : "taken").toBe(
      accepted.includes(what as never) ? "taken" : "refused",
    );
  });
});

it("a data directory that PostgreSQL's own programs would execute is refused with the reason", () => {
  const servers = { ...base.servers, server3: { dataDirectory: "/srv/$(touch pwned)" } };
  expect(errorsOf({ servers })[0]).toMatchObject({
    path: "servers.server3.dataDirectory",
    message: expect.stringContaining("PostgreSQL's own pg_ctl hands it to a shell"),
  });
});
