// A server of 2 GB moved from one host to another, each in namespaces of its own, over SSH: what is copied, summed up at both ends and
// compared, against bare tar through ssh by the same way, which is the machine that runs pgsite.
import { MovingHosts } from "../test/support/movingHosts.js";
import { whyNoHosts } from "../test/support/multihost.js";
import { closing } from "./support/closing.js";
import { compare, say, seconds, timed } from "./support/compare.js";

const bare = "/var/lib/postgresql/bare";

async function main(rounds: number, megabytes: number): Promise<void> {
  const why = whyNoHosts();
  if (why !== undefined) throw new Error(why);
  const moving = await MovingHosts.make(megabytes);
  await closing(moving, async () => {
    const { hosts, server, to } = moving;
    await hosts.query("server2", "vacuum filler; checkpoint");
    const { dataDirectory } = server;
    say(`the data directory has ${(await hosts.asOwner("server2", `du -sm '${dataDirectory}'`)).split("\t")[0]} MB`);
    const { control } = hosts.net;
    const words = "'\\''";
    const from = `tar -C ${words}${dataDirectory}${words} -c .`;
    const into = `mkdir ${bare} && tar -x -C ${bare} && sync -f ${bare}`;
    const script = `ssh postgres@${server.address} '${from}' 2>/dev/null | ssh postgres@${to.address} '${into}'`;
    await compare({
      name: "move",
      target: 1.1,
      rounds,
      reference: async () => {
        const took = await timed(async () => {
          const { code, stderr } = await control.run(["sh", "-c", script], { seconds: 600, env: control.env });
          if (code !== 0) throw new Error(stderr);
        });
        await hosts.asOwner("server3", `rm -rf ${bare}`);
        return took;
      },
      subject: async () => {
        const { code, stderr, events } = await moving.run("move");
        if (code !== 0) throw new Error(stderr);
        const at = (name: string) => events.find((one) => one.code === name)?.at ?? Number.NaN;
        const downtime = events.find((one) => one.code === "moved")?.downtime;
        say(`in all ${seconds(at("proven"))}, of which nobody could work for ${Number(downtime).toFixed(2)} s`);
        const back = await moving.run("back");
        if (back.code !== 0) throw new Error(back.stderr);
        await hosts.asOwner("server3", `rm -rf '${dataDirectory}'*`);
        return at("compared") - at("first pass");
      },
    });
  });
}

main(Number(process.argv[2] ?? 5), Number(process.argv[3] ?? 2000)).catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
