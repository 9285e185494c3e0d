import type { PageDifference, PageEvent, PageReport, PageServer, PageStack } from "../../servers/page/model.js";
import { backups, before, ctioServers, server, settings, stack, watch, written } from "./syntheticParts.js";

/** What is too large, or means harm. */

const nameOf = (place: number, index: number): string => `node${place}-${String(index).padStart(2, "0")}`;

/** Whom the first of a stack feeds. The one that is stopped is not among them. */
const others = (place: number, size: number): readonly string[] => [
  ...Array.from({ length: size - 1 }, (_, index) => nameOf(place, index + 1)).filter((_, index) => index !== 6),
  ...(place === 0 ? [1, 2, 3].map((other) => nameOf(other, 0)) : []),
];

/** A hundred servers of one site in four stacks, each with 120 settings. */
export function hundred(): PageReport {
  const more = Object.fromEntries(
    Array.from({ length: 102 }, (_, index) => [
      `custom_setting_number_${index}`,
      { declared: `${index * 7} kB`, running: `${index * 7} kB` },
    ]),
  );
  const stacks = [40, 30, 20, 10].map((size, place): PageStack => {
    const servers = Array.from({ length: size }, (_, index) => {
      const name = nameOf(place, index);
      const first = index === 0;
      const role = first ? (place === 0 ? "primary" : "mirror") : place === 0 ? "standby" : "mirror";
      const other = index % 13 === 5 ? { work_mem: { running: `${index}MB`, differs: true } } : {};
      const slow = index % 17 === 9 ? { lagBytes: 900_000_000 + index, lagSeconds: 300 } : {};
      const down =
        index === 7
          ? {
              state: "stopped" as const,
              problems: [{ code: "stopped", message: "it does not run: run pulumi up, or pgsite start" }],
            }
          : {};
      const all = settings({ ...more, ...other });
      const senders = first ? { walSenders: others(place, size) } : {};
      const own = index === 7 ? all.map(({ running: _, ...setting }) => setting) : all;
      return server({ name, role, settings: own, ...slow, ...senders, ...down });
    });
    const root = servers[0] as PageServer;
    const down = servers.filter(({ state }) => state === "stopped");
    const differences = servers.flatMap(({ name, state, settings: own }): PageDifference[] => [
      ...(state === "stopped"
        ? [{ server: name, object: "the server", there: "stopped", declared: "running", consequence: "start" }]
        : []),
      ...own
        .filter(({ differs }) => differs)
        .map(({ name: setting, running = "", declared = "" }) => {
          const object = `postgresql.conf ${setting}`;
          return { server: name, object, setting, there: running, declared, consequence: "reload" };
        }),
    ]);
    const streams = servers.slice(1).map((each) => ({ server: each.name, from: root.name }));
    const far = place === 0 ? [] : [{ server: root.name, from: "node0-00" }];
    const history = Array.from(
      { length: 60 },
      (_, index): PageEvent => ({
        at: before(30 + 24 * index),
        kind: "update",
        by: "pulumi",
        result: "succeeded",
        message: `pulumi up: ${index} update`,
      }),
    );
    return stack({
      stack: `region${place}`,
      site: "large",
      version: "9.0",
      servers,
      streams: [...far, ...streams],
      drift: {
        ...{ outcome: "drift", differences, reasons: [], refusals: [] },
        plan: differences.map(({ server, consequence }) => `${server}: ${consequence}`),
      },
      backups: backups({ server: root.name, copies: nameOf(place, 1) }),
      watch: watch(
        down.map(({ name }) => ({
          server: name,
          seenBy: name,
          condition: "silent",
          message: "The server does not answer.",
          since: before(4.15),
        })),
      ),
      history,
    });
  });
  return { format: 1, generatedAt: written, stacks };
}

/** Names and values as somebody would choose them who wants to be more than text. */
export const hostileTexts = {
  script: `</script><script>window.pwned = "script"</script>`,
  comment: "<!--<script>",
  image: `<img src=x onerror="window.pwned = 'image'">`,
  long: "x".repeat(300),
  rightToLeft: "שרת‮2revres‬ خادم",
  quotes: `"'\`\${7*7} {{data}} $& javascript:alert(1)`,
};

/** The site of three with such texts wherever a text may stand. */
export function hostile(): PageReport {
  const { script, comment, image, long, rightToLeft, quotes } = hostileTexts;
  const [first, second] = ctioServers() as [PageServer, PageServer];
  const bad = settings({
    search_path: { declared: image, running: script, differs: true },
    log_directory: { declared: long, running: long },
    [quotes]: { running: comment },
  });
  const servers = [
    {
      ...first,
      name: image,
      host: script,
      dataDirectory: long,
      settings: bad,
      walSenders: [long, image],
      problems: [{ code: "unanswered", message: `${quotes} ${script}` }],
    },
    { ...second, name: rightToLeft, host: long, address: quotes, late: image },
    server({ name: long, role: "standby", state: "stopped" }),
  ];
  const [run] = backups().runs;
  const one = stack({
    stack: script,
    site: quotes,
    servers,
    streams: [
      { server: rightToLeft, from: image },
      { server: long, from: image, off: script },
    ],
    drift: {
      outcome: "drift",
      differences: [{ server: image, object: script, there: long, declared: rightToLeft, consequence: comment }],
      reasons: [image],
      plan: [script, long],
      refusals: [quotes],
    },
    backups: {
      schedule: image,
      runs: [{ ...(run as NonNullable<typeof run>), name: script, place: long, server: rightToLeft, at: quotes }],
      whole: script,
    },
    watch: {
      schedule: script,
      incidents: [{ server: long, seenBy: image, condition: script, message: rightToLeft, since: before(1) }],
    },
    history: [
      {
        at: before(1),
        kind: "role",
        by: "hand",
        result: "failed",
        server: rightToLeft,
        message: `${script}${comment}${long}`,
      },
    ],
    unknown: [script, rightToLeft],
  });
  return { format: 1, generatedAt: written, stacks: [one] };
}
