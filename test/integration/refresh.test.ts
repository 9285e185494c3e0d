import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Rehearsal } from "../../cli/rehearsal/rehearsal.js";
import { lookOfRefresh } from "../../servers/status/look.js";
import { acting } from "../../servers/status/refresh.js";
import { asked, repeated } from "../support/asked.js";
import { InProcess } from "../support/engine.js";
import { Plot, plantSite } from "../support/plantSite.js";

let rehearsal: Rehearsal;
let engine: InProcess;

beforeAll(async () => {
  rehearsal = await plantSite("15", 195, "refresh");
  engine = await InProcess.of(rehearsal, "plants");
}, 240_000);
afterAll(async () => rehearsal?.down(), 120_000);

describe("a refresh", () => {
  it("looks once at everything of a server, whoever shows it", async () => {
    const { ofHosts, ofServers } = await asked(() => engine.preview());
    // Three servers share their programs.
    expect(repeated(ofHosts)).toEqual([expect.stringMatching(/^3 × realPath .*\/bin\/postgres$/)]);
    const settings = ofServers.filter((question) => question.includes("from pg_settings"));
    expect(settings).toHaveLength(2);
  });

  it("shows no difference where an older pgsite's state does not say by which host a server is reached; up keeps it", async () => {
    const state = join(rehearsal.folder, "state.json");
    const stack = ["--stack", "plants"];
    const pulumi = async (...args: readonly string[]) => {
      const { exitCode, stdout, stderr } = await rehearsal.pulumi([...args, ...stack]);
      expect(exitCode, stdout + stderr).toBe(0);
    };
    const preview = () => pulumi("preview", "--non-interactive", "--expect-no-changes");
    const told = async () => {
      await pulumi("stack", "export", "--file", state);
      return endpointsIn(readFileSync(state, "utf8")).map((text) => text.includes('"dataDirectory"'));
    };
    expect(new Set(await told())).toEqual(new Set([true]));
    writeFileSync(state, asBefore(readFileSync(state, "utf8")));
    await pulumi("stack", "import", "--file", state);
    expect(new Set(await told())).toEqual(new Set([false]));
    await preview();
    await pulumi("up", "--non-interactive", "--yes", "--skip-preview");
    await preview();
    await pulumi("refresh", "--non-interactive", "--yes", "--skip-preview");
    expect(new Set(await told())).toEqual(new Set([true]));
  }, 120_000);

  it("never sees what was there before an act of ours", async () => {
    const plot = new Plot("15", engine);
    const server = plot.server("des10");
    const hba = async () => (await (await lookOfRefresh(server)).files(["pg_hba.conf"])).files["pg_hba.conf"];
    const before = await hba();
    await expect(
      acting(async () => {
        appendFileSync(plot.path("des10", "pg_hba.conf"), "# changed\n");
        expect(await hba()).toBe(before);
        throw new Error("cut off");
      }),
    ).rejects.toThrow("cut off");
    expect(await hba()).toBe(`${before}# changed\n`);
  });
});

/** What a state says of servers that are asked by SQL, which travels as JSON text. */
const endpoint = /"endpoints?": ("(?:[^"\\]|\\.)*")/g;

function endpointsIn(state: string): readonly string[] {
  return [...state.matchAll(endpoint)].map(([, text = ""]) => JSON.parse(text) as string);
}

/** The same as a pgsite wrote it that went to every server by its address. */
function asBefore(state: string): string {
  return state.replaceAll(endpoint, (whole, text: string) => {
    const known = JSON.parse(JSON.parse(text), (name, value) =>
      name === "host" || name === "dataDirectory" ? undefined : value,
    );
    return whole.replace(text, () => JSON.stringify(JSON.stringify(known)));
  });
}
