import { PassThrough } from "node:stream";
import { afterAll, expect, it } from "vitest";
import { localUser } from "../../../hosts/localUser.js";
import { ShellHost } from "../../../hosts/shell/host.js";
import { closeSessions } from "../../../hosts/shell/sessions.js";
import { serverUser } from "../../support/serverUser.js";

afterAll(() => closeSessions());

it.skipIf(process.getuid?.() !== 0)(
  "what a program prints is there although we hear of its start after its end (takes root)",
  async () => {
    const transport = localUser("here", await serverUser());
    let late = false;
    const start = () => {
      const child = transport.start();
      if (!late) return child;
      const heard = new PassThrough();
      const kept: Buffer[] = [];
      child.stderr.on("data", (part: Buffer) => kept.push(part));
      child.once("exit", () => process.nextTick(() => process.nextTick(() => heard.end(Buffer.concat(kept)))));
      return new Proxy(child, {
        get(target, name) {
          const member = name === "stderr" ? heard : (Reflect.get(target, name, target) as unknown);
          return typeof member === "function" ? member.bind(target) : member;
        },
      });
    };
    const host = new ShellHost({ ...transport, start });
    await host.run(["true"]);
    late = true;
    for (let round = 0; round < 20; round++) {
      expect(await host.run(["printf", "%s", "yes"])).toEqual({ code: 0, stdout: "yes", stderr: "" });
    }
  },
);
