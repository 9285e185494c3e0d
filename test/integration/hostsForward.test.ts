import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { HostSpec } from "../../hosts/host.js";
import { hostOf } from "../../hosts/index.js";
import { forwardFrom } from "../../hosts/ssh/forward.js";
import { enter, leave } from "../support/here.js";
import { serverUser } from "../support/localSite.js";
import { type MultiHost, multiHost, whyNoHosts } from "../support/multihost.js";

const why = whyNoHosts();

describe.skipIf(why !== undefined)("a port of a host's loopback", () => {
  let net: MultiHost;
  let spec: HostSpec;

  beforeAll(async () => {
    net = await multiHost(["server2", "server3"]);
    enter(net.control.env);
    const { address } = net.host("server2");
    spec = { name: "server2", transport: "ssh", address, user: await serverUser(), login: "admin" };
  }, 60_000);

  afterAll(async () => {
    await leave();
    await net?.close();
  }, 60_000);

  /** What answers there, asked on the host itself. */
  const greeting = async (port: number) => {
    const script = 'exec 3<>"/dev/tcp/127.0.0.1/$1" && head -c 8 <&3';
    return (await hostOf(spec).run(["bash", "-c", script, "bash", `${port}`])).stdout;
  };

  it("leads to an address as it is reached from here, for as long as it is wanted", async () => {
    const forward = await forwardFrom(spec, { address: net.host("server3").address, port: 22 });
    try {
      expect(await greeting(forward.port)).toBe("SSH-2.0-");
    } finally {
      forward.close();
    }
    await expect.poll(() => greeting(forward.port), { timeout: 10_000 }).toBe("");
  }, 30_000);

  it("is not to be had where ssh gets nowhere, which is one line", async () => {
    const nobody = { ...spec, login: "nobody-there" };
    await expect(forwardFrom(nobody, { address: "192.0.2.1", port: 5432 })).rejects.toThrow(
      /^server2 gives no port to forward: .*Permission denied/,
    );
  }, 30_000);
});
