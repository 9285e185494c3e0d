// An unchanged preview of three servers on hosts over SSH, against the same site as three servers of this machine.
import { RemoteSite, whyNoSite } from "../test/support/remoteSite.js";
import { compare, say, timed } from "./support/compare.js";
import { oneStackOfThree, programsOf15, withRehearsal } from "./support/site.js";

const stack = "three";
const preview = ["preview", "--expect-no-changes"];
const target = 1.5;

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
    } finally {
      await remote.remove();
    }
  });
}

main(Number(process.argv[2] ?? 9)).catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
