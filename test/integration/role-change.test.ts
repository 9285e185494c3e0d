import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { previewSteps, statusRows, withRehearsal } from "../support/rehearsal.js";

it("previews another primary as updates alone, refuses to do it yet, and leaves the servers as they were", async () => {
  await withRehearsal({ name: "test-roles", block: 60, stacks: ["ctio"], postgresql: "15" }, async (rehearsal) => {
    await rehearsal.up("ctio");
    const before = await statusRows(rehearsal);
    const file = join(rehearsal.project, "Pulumi.ctio.yaml");
    const text = readFileSync(file, "utf8");
    writeFileSync(file, text.replace("pgsite:primary: server2", "pgsite:primary: server3"));

    const steps = await previewSteps(rehearsal, "ctio");
    expect([...new Set(steps.map(({ op }) => op))]).toEqual(["update"]);
    expect(steps.map(({ name }) => name).sort()).toEqual([
      "server2-configuration",
      "server3-configuration",
      "sispi-rollout",
    ]);
    expect(steps.filter(({ type }) => type === "command:local:Command")).toEqual([]);

    const up = await rehearsal.pulumi(["up", "--yes", "--skip-preview", "--stack", "ctio"]);
    expect(up.exitCode).not.toBe(0);
    expect(`${up.stdout}`).toContain(
      "making another server the primary is a switchover, which this version of pgsite does not do",
    );
    const after = await statusRows(rehearsal);
    expect(after.map(({ name, state, timeline }) => ({ name, state, timeline }))).toEqual(
      before.map(({ name, state, timeline }) => ({ name, state, timeline })),
    );

    writeFileSync(file, text);
    expect(await previewSteps(rehearsal, "ctio")).toEqual([]);
  });
}, 180_000);
