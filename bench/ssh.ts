// An unchanged preview of three servers on hosts over SSH, against the same site as three servers of this machine; and a session with
// one of these servers through the connection to its host, against one that goes to the server itself.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { rawConfiguration } from "../cli/rehearsal/stackFiles.js";
import { resolveStack } from "../config/resolve.js";
import { type Address, type Login, withSession } from "../servers/sql/session.js";
import { RemoteSite, whyNoSite } from "../test/support/remoteSite.js";
import { compare, median, say, timed } from "./support/compare.js";
import { oneStackOfThree, programsOf15, withRehearsal } from "./support/site.js";

const stack = "three";
const preview = ["preview", "--expect-no-changes"];
const target = 1.5;
/** Milliseconds that a session through the connection may take more than one that needs none. */
const sessionTarget = 15;
const sessions = 60;

async function main(rounds: number): Promise<void> {
  const why = whyNoSite();
  if (why !== undefined) {
    say(`not measured: ${why}`);
    return;
  }
  const texts = { [stack]: oneStackOfThree() };
  const options = { name: "bench-ssh", block: 206, texts, ...programsOf15 };
  await withRehearsal(options, async (rehearsal) => {
    const remote = await RemoteSite.make({ texts });
    try {
      await Promise.all([rehearsal.up(stack), remote.up(stack)]);
      const reference = () =>
        timed(async () => {
          const args = [...preview, "--non-interactive", "--color", "never", "--stack", stack];
          const { exitCode, stdout, stderr } = await rehearsal.pulumi(args);
          if (exitCode !== 0) throw new Error(`the preview failed:\n${stdout}\n${stderr}`);
        });
      const over = () => timed(() => remote.must(stack, preview));
      // Everything is in the page cache from here on.
      await reference();
      await over();
      const anew = async () => {
        await remote.net.control.closeConnections();
        return over();
      };
      await compare({ name: "ssh-preview-first", target, rounds, reference, subject: anew });
      await compare({ name: "ssh-preview", target, rounds, reference, subject: over });
      await compareSessions(remote);
    } finally {
      await remote.remove();
    }
  });
}

/** Whom to ask, and as whom: on standard input, for the password is in it. */
interface Asked {
  readonly server: Address;
  readonly login: Login;
}

/** On the machine that runs Pulumi, which for this has an address that the site's rules let in. */
async function compareSessions(remote: RemoteSite): Promise<void> {
  await remote.letControlIn();
  const file = readFileSync(join(remote.sandbox.program, `Pulumi.${stack}.yaml`), "utf8");
  const site = resolveStack(stack, rawConfiguration(file)).stack?.site;
  const server = site?.servers.find(({ name }) => name === site.primary);
  if (site === undefined || server === undefined) throw new Error("the stack has no primary");
  const asked: Asked = { server, login: { user: site.administrator, password: remote.password } };
  const argv = [process.execPath, process.argv[1] as string, "sessions"];
  const { code, stdout, stderr } = await remote.net.control.run(argv, { input: JSON.stringify(asked), seconds: 120 });
  if (code !== 0) throw new Error(`no session could be measured:\n${stderr}`);
  process.stdout.write(stdout);
}

/** Milliseconds from nothing to an answer, the one way and the other in turn. */
async function measureSessions({ server, login }: Asked): Promise<void> {
  const { host } = server;
  if (host === undefined) throw new Error("the server is on no host");
  const one = (to: Address) =>
    timed(() =>
      withSession(to, login, {}, async (session) => {
        await session.query("select 1");
        if (session.way.barred.length > 0)
          throw new Error(`by ${session.way.by} alone: ${session.way.barred[0]?.because}`);
      }),
    );
  const direct = { ...server, host: { ...host, sessions: "direct" as const } };
  // The first makes the connection.
  await one(server);
  await one(direct);
  const times = { direct: [] as number[], through: [] as number[] };
  for (let round = 0; round < sessions; round += 1) {
    times.direct.push(await one(direct));
    times.through.push(await one(server));
  }
  const [least, through] = [median(times.direct), median(times.through)];
  say(`ssh-session: direct ${least.toFixed(1)} ms, through the connection ${through.toFixed(1)} ms`);
  say(`ratio ssh-session-ms-above-direct ${(through - least).toFixed(2)} target ${sessionTarget.toFixed(2)}`);
  // Shells on the host would keep this process.
  process.exit(0);
}

async function run([what]: readonly string[]): Promise<void> {
  if (what === "sessions") return measureSessions(JSON.parse(await text(process.stdin)) as Asked);
  return main(Number(what ?? 9));
}

run(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
