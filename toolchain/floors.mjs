// The floors of the house, as data: who may import whom. `architecture.mjs` holds the code and ARCHITECTURE.md to it.

/** From the top to the bottom. A room imports rooms of lower floors, and nothing else of ours. */
export const floors = [
  [
    {
      room: "index.ts",
      holds: "the Pulumi program: reads the stack, refuses it with all its problems, or composes its site",
    },
  ],
  [{ room: "components/", holds: "what a program composes: a site, and its servers whatever their roles" }],
  [
    { room: "provider/", holds: "Pulumi's protocol and the resource types; nothing that acts by itself" },
    { room: "cli/", holds: "the program `pgsite` and its commands" },
    { room: "page/", holds: "the site's page, in a browser" },
  ],
  [{ room: "servers/", holds: "looks at real servers and acts on them" }],
  [
    { room: "preflight/", holds: "whether hosts can take their servers" },
    { room: "installed/", holds: "what stays on a host and runs without Pulumi" },
  ],
  [{ room: "config/", holds: "the stack file: schema, checks, and the site it describes" }],
  [
    { room: "postgres/", holds: "knowledge of PostgreSQL 9.0 to 18; pure" },
    { room: "hosts/", holds: "reaches a machine: run, read, write; knows no PostgreSQL" },
  ],
  [{ room: "toolchain/", holds: "plain Node: gets Pulumi and server programs, builds, checks" }],
];

/** What is no part of the product: it may import everything, and no room imports it. */
export const outside = [
  "test/",
  "bench/",
  "docs/",
  "dist/",
  "node_modules/",
  "vitest.config.ts",
  "vitest.proof.config.ts",
];

/** The names of all rooms, from the top to the bottom. */
export const rooms = floors.flat().map(({ room }) => room);
