import { describe, expect, it } from "vitest";
import { runFence } from "../../../servers/takeover/fence.js";
import { runs, until } from "../../support/processes.js";

const names = { lost: "server2", next: "server3" };

describe("the command that keeps a lost server off", () => {
  it("knows both servers, and nothing of Pulumi's", async () => {
    process.env.PULUMI_CONFIG_PASSPHRASE = "secret";
    try {
      const command = '[ "$PGSITE_LOST_SERVER-$PGSITE_NEW_PRIMARY-$PULUMI_CONFIG_PASSPHRASE" = server2-server3- ]';
      await runFence(command, names);
    } finally {
      delete process.env.PULUMI_CONFIG_PASSPHRASE;
    }
  });

  it("stops the failover where it fails, with its last words", async () => {
    await expect(runFence("echo no such outlet >&2; exit 7", names)).rejects.toThrow(
      'server3 does not take over: hooks.fence, which is to keep server2 off, ended with status 7 ("no such outlet"); nothing was promoted. See to it that server2 stays off, mend the command, and run again',
    );
  });

  it("is ended with all that it started where it does not end in time", async () => {
    const began = Date.now();
    const late = runFence("sleep 60 & echo $!; sleep 60", names, { deadline: 500 });
    const message = await late.then(
      () => "",
      (error: Error) => error.message,
    );
    expect(Date.now() - began).toBeLessThan(20_000);
    const [, pid] = /did not end within 0\.5 s \("(\d+)"\)/.exec(message) ?? [];
    expect(Number(pid)).toBeGreaterThan(0);
    await until("the end of what it started", () => !runs(Number(pid)));
  });

  it("is ended where the up is", async () => {
    const cancelled = new AbortController();
    setTimeout(() => cancelled.abort(new Error("cancelled")), 200);
    await expect(runFence("sleep 60", names, { signal: cancelled.signal })).rejects.toThrow("cancelled");
  });
});
