import { describe, expect, it } from "vitest";
import { rawConfiguration } from "../../../cli/rehearsal/stackFiles.js";
import { resolveStack } from "../../../config/resolve.js";
import { stackText } from "../../support/stackText.js";

const www = "/usr/remote/software/www";

const working = {
  host: "system1",
  applications: {
    TV: { kind: "wsgi", version: "v1_2", configuration: "des_tv.cfg" },
    ECL: { kind: "mod_python", link: false },
  },
  configurations: { "des_tv.cfg": { database: "postgres", role: "viewer" } },
};

function resolved(viewers: unknown, more: Readonly<Record<string, unknown>> = {}) {
  const described = {
    site: "sispi",
    postgresql: "15",
    primary: "server2",
    hosts: { server2: "192.0.2.2", server3: "2001:db8::3", des10: "192.0.2.10", system1: "192.0.2.50" },
    servers: {
      server2: { dataDirectory: "/data" },
      server3: { dataDirectory: "/data", port: 5443 },
      des10: { dataDirectory: "/data", role: "mirror" },
    },
    roles: { viewer: {} },
    "password-postgres": "p",
    "password-replicator": "p",
    "password-viewer": "p",
    viewers,
    ...more,
  };
  const raw = Object.entries(described).map(([key, value]) => [
    `pgsite:${key}`,
    typeof value === "string" ? value : JSON.stringify(value),
  ]);
  const { stack, problems } = resolveStack("dev", Object.fromEntries(raw), { complete: true });
  const errors = problems.filter(({ severity }) => severity === "error");
  return { viewers: stack?.viewers, errors: errors.map(({ path, message }) => `${path}: ${message}`) };
}

describe("web viewers", () => {
  it("have in their links alone who the primary is, and no mirror among the servers", () => {
    const { viewers, errors } = resolved(working);
    expect(errors).toEqual([]);
    expect(viewers?.links).toEqual({
      "/usr/remote/software/products/TV/current": "v1_2",
      [`${www}/html/TV`]: "/usr/remote/software/products/TV/current",
      [`${www}/html/cfg/des_tv.cfg`]: "des_tv.cfg_server2",
    });
    expect(viewers?.servers).toEqual([
      { name: "server2", address: "192.0.2.2", port: 5432 },
      { name: "server3", address: "2001:db8::3", port: 5443 },
    ]);
    const after = resolved(working, { primary: "server3" }).viewers;
    expect(after?.links[`${www}/html/cfg/des_tv.cfg`]).toBe("des_tv.cfg_server3");
    expect({ ...after, links: {} }).toEqual({ ...viewers, links: {} });
  });

  it("belong to their own user, who may not be root, and have html for the site's page", () => {
    const { viewers } = resolved({ ...working, page: "html/site.html" });
    expect(viewers).toMatchObject({
      host: { name: "system1", user: "codemanager" },
      html: `${www}/html`,
      page: `${www}/html/site.html`,
      bin: `${www}/bin`,
    });
    expect(resolved({ ...working, user: "root" }).errors).toEqual([
      'viewers.user: received "root"; httpd runs as an unprivileged user of its own (codemanager)',
    ]);
  });

  const wsgi = { kind: "wsgi" };
  it.each<[string, unknown, string]>([
    ["a host without an address", { ...working, host: "system2" }, 'viewers.host: the host "system2" has no address'],
    ["root's port", { ...working, httpd: { port: 80 } }, "viewers.httpd.port: received 80; takes root below 1024"],
    ["2.2's event", { ...working, httpd: { version: "2.2", mpm: "event" } }, "viewers.httpd.mpm: event comes with 2.4"],
    [
      "a variable in a path",
      { ...working, folder: `/srv/${"$"}{HOME}` },
      `viewers.folder: received "/srv/${"$"}{HOME}"; a path of the viewers is of letters`,
    ],
    [
      "two lines in a directive",
      { ...working, httpd: { directives: ["A\nB"] } },
      'viewers.httpd.directives[0]: received "A\\nB"; a directive is one line',
    ],
    [
      "a directive that goes on",
      { ...working, httpd: { directives: ["A \\"] } },
      'viewers.httpd.directives[0]: received "A \\\\"; a directive is one line',
    ],
    [
      "one URL twice",
      { ...working, applications: { QE: { ...wsgi, url: "/TV" }, TV: wsgi } },
      "viewers.applications.TV.url: is /TV, where QE is already",
    ],
    [
      "two versions of one product",
      {
        ...working,
        applications: { A: { ...wsgi, product: "p", version: "1" }, B: { ...wsgi, product: "p", version: "2" } },
      },
      "viewers.applications.B.version: is another than A's",
    ],
    [
      "a configuration that is not there",
      { ...working, applications: { TV: { ...wsgi, configuration: "tv.cfg" } } },
      'viewers.applications.TV.configuration: there is no "tv.cfg"',
    ],
    [
      "html/cfg as an application",
      { ...working, applications: { cfg: wsgi } },
      "viewers.applications.cfg: html/cfg is",
    ],
    [
      "no module of Python's",
      { ...working, applications: { "E-L": { kind: "mod_python" } } },
      "viewers.applications.E-L.script: E-L.py is no module",
    ],
    [
      "threads of mod_python",
      { ...working, applications: { ECL: { kind: "mod_python", threads: 2 } } },
      "viewers.applications.ECL.threads: is none of mod_python's",
    ],
    ["a page in cfg", { ...working, page: "html/cfg/a" }, "viewers.page: html/cfg is something else"],
    [
      "a page elsewhere",
      { ...working, page: "html/../a" },
      'viewers.page: received "html/../a"; the page lies below html',
    ],
    [
      "a role that is not there",
      { ...working, configurations: { "des_tv.cfg": { database: "d", role: "nobody" } } },
      'viewers.configurations.des_tv.cfg.role: there is no role "nobody"',
    ],
    [
      "a line of pgsite's among the options",
      { ...working, configurations: { "des_tv.cfg": { database: "d", options: { password: "x" } } } },
      "viewers.configurations.des_tv.cfg.options.password: is pgsite's to write",
    ],
    [
      "a link in the place of a server's file",
      {
        ...working,
        configurations: { ...working.configurations, "des_tv.cfg_server3": { database: "d" } },
      },
      "viewers.configurations.des_tv.cfg: its file for a server, des_tv.cfg_server3, is another configuration's link",
    ],
  ])("refuse %s, by its path", (_, viewers, problem) => {
    const { errors } = resolved(viewers);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toContain(problem);
  });

  it("refuse a password that would be read as another, without saying it", () => {
    const { errors } = resolved(working, { "password-viewer": "100%secret" });
    expect(errors).toEqual([expect.stringMatching(/^password-viewer: cannot stand in des_tv\.cfg, an ini file/)]);
    expect(errors.join()).not.toContain("secret");
    const quoted = { ...working, configurations: { "des_tv.cfg": { database: "d", role: "viewer", quotes: true } } };
    expect(resolved(quoted, { "password-viewer": "100%secret" }).errors).toEqual([]);
  });

  it("go with the stack that has the primary, and share no folder of links with clients", () => {
    const links = [{ host: "system1", folder: `${www}/html/cfg`, names: ["a"] }];
    expect(resolved(working, { clients: { links } }).errors).toEqual([
      "clients.links[0].folder: is the viewers': say there what its links are, by configurations:",
    ]);
  });

  it("of the committed stack are the guide's, and are rehearsed in their host's folder without httpd", () => {
    const raw = rawConfiguration(stackText("ctio"));
    const rehearsal = {
      folder: "/var/tmp/r/hosts",
      osUser: "nobody",
      addresses: { server2: "127.0.0.2", server3: "127.0.0.3" },
      postgresql: "15",
      binaries: "/opt/pg/bin",
    };
    const real = resolveStack("ctio", raw).stack?.viewers;
    expect(Object.entries(real?.links ?? {}).filter(([path]) => path.includes("/cfg/"))).toEqual([
      [`${www}/html/cfg/constants.cfg`, "constants.cfg_server2"],
      [`${www}/html/cfg/des_alarms.cfg`, "des_alarms.cfg_server2"],
      [`${www}/html/cfg/des_tv.cfg`, "des_tv.cfg_server2"],
    ]);
    expect(real?.rehearsed).toBe(false);
    const { viewers } = resolveStack("ctio", { ...raw, "pgsite:rehearsal": JSON.stringify(rehearsal) }).stack ?? {};
    expect(viewers).toMatchObject({
      rehearsed: true,
      boot: false,
      host: { name: "system1", transport: "local", user: "nobody" },
      folder: `/var/tmp/r/hosts/system1${www}`,
    });
    expect(JSON.stringify(viewers?.links)).not.toMatch(/"\/usr\/remote/);
  });
});
