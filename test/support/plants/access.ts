import { chmodSync, chownSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { hba, method, type Plant, without } from "./plant.js";

const openToAll = "host all all 0.0.0.0/0 trust";
const inDoubt = (server: string) =>
  `${server}: pg_hba.conf of the running server is in doubt (the file was touched after the server last read it: rules that it no longer has may be in force): reload`;

/** Who is let in: pg_hba.conf and passfiles. */
export const ofAccess: readonly Plant[] = [
  {
    name: "a rule of trust",
    plant: (plot) => plot.append("server2", hba, "host all all 0.0.0.0/0 trust"),
    said: 'server2: pg_hba.conf line …, "host  all  all  0.0.0.0/0  trust", is there, lets in without a password, and not declared: reload',
  },
  {
    name: "a rule removed",
    plant: (plot) => plot.edit("server3", hba, without(/^host +science .*\n/m)),
    said: (plot) => `server3: pg_hba.conf "host  science  reader  127.0.0.1/32  ${method(plot)}" is missing: reload`,
  },
  {
    name: "a rule edited",
    plant: (plot) =>
      plot.edit("des10", hba, (text) => text.replace(/(?<=^host +science +reader +)[^ ]+/m, "198.51.0.0/16")),
    said: (plot) =>
      `des10: pg_hba.conf line …, "host  science  reader  198.51.0.0/16  ${method(plot)}", is there and not declared: reload`,
  },
  {
    name: "rules in another order",
    plant: (plot) =>
      plot.edit("des10", hba, (text) => {
        const lines = text.split("\n");
        const [first, second] = [
          lines.findIndex((line) => /^host +all +all/.test(line)),
          lines.findIndex((line) => /^host +science/.test(line)),
        ] as [number, number];
        [lines[first], lines[second]] = [lines[second] ?? "", lines[first] ?? ""];
        return lines.join("\n");
      }),
    said: "des10: the order of rules in pg_hba.conf is not as declared (the first that matches decides): reload",
    together: false,
  },
  {
    name: "a comment in pg_hba.conf",
    plant: (plot) => plot.append("des10", hba, "# somebody was here"),
    said: "des10: the text of pg_hba.conf is not as declared, and means the same: reload",
    together: false,
  },
  {
    name: "a rule that no server takes",
    from: "10",
    plant: (plot) => plot.append("des10", hba, "host all all 192.0.2.77/32 nonsense"),
    said: 'des10: the server is not willing to take pg_hba.conf line …: invalid authentication method "nonsense": reload',
  },
  {
    name: "pg_hba.conf readable by all",
    plant: async (plot) => chmodSync(plot.path("server2", hba), 0o644),
    said: (plot) =>
      `server2: mode and owner of pg_hba.conf is 0644 ${plot.host("server2").user}, declared 0600 ${plot.host("server2").user}: reload`,
  },
  {
    name: "pg_hba.conf of a warm standby readable by all",
    plant: async (plot) => chmodSync(plot.path("server3", hba), 0o640),
    said: (plot) =>
      `server3: mode and owner of pg_hba.conf is 0640 ${plot.host("server3").user}, declared 0600 ${plot.host("server3").user}: reload`,
  },
  {
    name: "pg_hba.conf that the server may not read",
    plant: async (plot) => chownSync(plot.path("server2", hba), 0, 0),
    said: (plot) =>
      `server2: mode and owner of pg_hba.conf is 0600 root, declared 0600 ${plot.host("server2").user}: reload`,
    together: false,
    asRoot: true,
  },
  {
    name: "pg_hba.conf that the server may not read, in its own words",
    from: "10",
    plant: async (plot) => chownSync(plot.path("des10", hba), 0, 0),
    said: "des10: the server is not willing to take pg_hba.conf: could not open …Permission denied: reload",
    together: false,
    asRoot: true,
  },
  {
    name: "pg_hba.conf moved aside, and back without a reload",
    plant: async (plot) => {
      const path = plot.path("server2", hba);
      const { uid, gid } = statSync(path);
      renameSync(path, `${path}.kept`);
      writeFileSync(path, `${openToAll}\n${readFileSync(`${path}.kept`, "utf8")}`, { mode: 0o600 });
      chownSync(path, uid, gid);
      await plot.reload("server2");
      renameSync(`${path}.kept`, path);
    },
    said: inDoubt("server2"),
    inForce: (plot) => plot.letsIn("server2", "any password"),
    together: false,
  },
  {
    name: "pg_hba.conf edited, and back without a reload",
    plant: async (plot) => {
      const before = plot.read("des10", hba);
      await plot.edit("des10", hba, (text) => `${openToAll}\n${text}`);
      await plot.reload("des10");
      await plot.edit("des10", hba, () => before);
    },
    said: inDoubt("des10"),
    inForce: (plot) => plot.letsIn("des10", "any password"),
    together: false,
  },
  {
    name: "pg_hba.conf removed",
    plant: async (plot) => rmSync(plot.path("des10", hba)),
    said: "des10: pg_hba.conf is missing: reload",
    together: false,
  },
  {
    name: "a passfile readable by all",
    plant: async (plot) => chmodSync(plot.path("server3", "passfile"), 0o644),
    said: (plot) => `the mode of ${plot.path("server3", "passfile")} on server3 is 0644, declared 0600: install`,
  },
  {
    name: "a passfile that the server may not read",
    plant: async (plot) => chownSync(plot.path("server3", "passfile"), 0, 0),
    said: (plot) =>
      `the owner of ${plot.path("server3", "passfile")} on server3 is root, declared ${plot.host("server3").user}: install`,
    asRoot: true,
  },
  {
    name: "a passfile with another password",
    plant: (plot) => plot.edit("des10", "passfile", (text) => `${text}*:*:*:nobody:somebody's\n`),
    said: (plot) =>
      `the content of ${plot.path("des10", "passfile")} on des10 is another than declared (secret, so not shown): install`,
  },
  {
    name: "a passfile removed",
    plant: async (plot) => rmSync(plot.path("server2", "passfile")),
    said: (plot) => `${plot.path("server2", "passfile")} on server2 is missing: install`,
  },
];
