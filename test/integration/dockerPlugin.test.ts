import { readFileSync, symlinkSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { version } from "@pulumi/docker/package.json";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { build } from "../../toolchain/build.mjs";
import { checkout } from "../../toolchain/paths.mjs";
import { PulumiSandbox } from "../support/pulumi.js";
import { said } from "../support/remoteSite.js";

/** A proxy that nothing gets through, and that knows who was asked for. */
const proxyAddress = "127.0.140.1";
const asked: string[] = [];
let proxy: Server;
let sandbox: PulumiSandbox;

/** As an ordinary user has it: Pulumi may download, by way of the proxy. */
let ordinary: Readonly<Record<string, string>>;

const stackFile = (container: object | undefined) =>
  stringify({
    config: {
      "pgsite:site": "orders",
      "pgsite:postgresql": "15",
      "pgsite:hosts": { db1: { address: "198.18.0.11", ...(container && { container }) } },
      "pgsite:primary": "db1",
      "pgsite:servers": { db1: { dataDirectory: "/srv/postgresql/orders" } },
    },
  });

const stacks = { made: { image: "postgres:15" }, there: { name: "db-1" }, none: undefined };

beforeAll(async () => {
  await build();
  proxy = createServer((request, response) => {
    asked.push(request.url ?? "");
    response.writeHead(403).end();
  });
  proxy.on("connect", (request, socket) => {
    asked.push(request.url ?? "");
    socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
  });
  const port = await new Promise<number>((resolve) => {
    proxy.listen(0, proxyAddress, () => resolve((proxy.address() as { port: number }).port));
  });
  const url = `http://${proxyAddress}:${port}`;
  ordinary = {
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "false",
    HTTPS_PROXY: url,
    HTTP_PROXY: url,
    https_proxy: url,
    http_proxy: url,
    NO_PROXY: "127.0.0.1,localhost",
    no_proxy: "127.0.0.1,localhost",
  };
  sandbox = await PulumiSandbox.make();
  sandbox.write({ "Pulumi.yaml": readFileSync(join(checkout, "Pulumi.yaml"), "utf8") });
  symlinkSync(join(checkout, "dist"), join(sandbox.program, "dist"));
  for (const [stack, container] of Object.entries(stacks)) {
    sandbox.write({ [`Pulumi.${stack}.yaml`]: stackFile(container) });
    await sandbox.must(["stack", "init", stack]);
  }
}, 120_000);

afterAll(async () => {
  proxy?.closeAllConnections();
  proxy?.close();
  await sandbox?.remove();
}, 60_000);

const preview = async (stack: string, env: Readonly<Record<string, string>>) => {
  asked.length = 0;
  const result = await sandbox.run(["preview", "--stack", stack], { env });
  const all = said(result);
  // Before them Pulumi shows the same while it works.
  const diagnostics = all.slice(all.indexOf("Diagnostics:")).split("\n");
  const errors = diagnostics.filter((line) => /error:|plugin/.test(line));
  return { code: result.code, all, errors };
};

const remedy = `pulumi plugin install resource docker v${version}; where its server cannot be reached, carry pulumi-resource-docker-v${version}-`;

describe("Pulumi without its docker plugin", { timeout: 120_000 }, () => {
  it("is told in one line what is missing, where it may download nothing", async () => {
    const { code, errors, all } = await preview("made", {});
    expect(code).not.toBe(0);
    expect(errors).toEqual([
      expect.stringContaining(
        `error: Pulumi's docker plugin ${version}, which makes the containers of this stack, is not installed and may not be downloaded (PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION): ${remedy}`,
      ),
    ]);
    expect(all).not.toMatch(/^\s+at \S+ \(/m);
  });

  it("is told the same where the download fails", async () => {
    const { code, errors } = await preview("made", ordinary);
    expect(code).not.toBe(0);
    expect(errors).toEqual([expect.stringContaining(`is not installed and cannot be downloaded (`)]);
    expect(errors[0]).toContain(remedy);
    expect(asked.length).toBeGreaterThan(0);
  });

  it.each(["none", "there"])("is asked for nothing by a stack that makes no container (%s)", async (stack) => {
    const { code, all } = await preview(stack, ordinary);
    expect(all).toContain("pgsite:index:Server");
    expect(code).toBe(0);
    expect(asked).toEqual([]);
  });
});
