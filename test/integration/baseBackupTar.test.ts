import { Transform } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import type { Host } from "../../hosts/host.js";
import { hostOf } from "../../hosts/index.js";
import { throughUs } from "../../servers/baseBackup/copiers.js";
import { serverUser } from "../support/localSite.js";

/** A host like another, the end of whose programs' output comes late: a network and two ssh lie in between. */
function lateAtTheEnd(host: Host): Host {
  return new Proxy(host, {
    get(target, property) {
      if (property !== "spawn") {
        const member = Reflect.get(target, property, target) as unknown;
        return typeof member === "function" ? member.bind(target) : member;
      }
      return async (...args: Parameters<Host["spawn"]>) => {
        const program = await target.spawn(...args);
        const late = new Transform({
          transform: (chunk, _encoding, done) => done(null, chunk),
          flush: (done) => void sleep(500).then(() => done()),
        });
        return { ...program, stdout: program.stdout.pipe(late) };
      };
    },
  });
}

it("a copy through tar is whole where the stream ends later than the archive in it", async () => {
  const host = hostOf({ name: "here", transport: "local", address: "", user: await serverUser() });
  const folder = `/var/tmp/pgsite-tar-${process.pid}`;
  const [from, to] = [`${folder}/from`, `${folder}/to`];
  try {
    for (const path of [from, to, `${to}.pgsite`]) await host.makeDirectory(path);
    await host.writeFile(`${from}/file`, "content");
    const directories = { dataDirectory: to, controlDirectory: `${to}.pgsite` };
    const copier = await throughUs(lateAtTheEnd(host), host, directories);
    await copier.copy(from, to, ["file"]);
    expect((await host.readFile(`${to}/file`))?.toString()).toBe("content");
  } finally {
    await host.remove(folder);
  }
});
