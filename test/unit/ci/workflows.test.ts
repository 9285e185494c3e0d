import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { checkout } from "../../../toolchain/paths.mjs";

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly with?: Readonly<Record<string, unknown>>;
}
interface Job {
  readonly if?: string;
  readonly "runs-on": string | readonly string[];
  readonly environment?: string;
  readonly permissions?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly steps: readonly Step[];
}
interface Workflow {
  readonly on: string | readonly string[] | Readonly<Record<string, unknown>>;
  readonly permissions?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, Job>>;
}

const folder = join(checkout, ".github", "workflows");
const texts = Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), "utf8")]));

/** Events in which the branch's own workflow and code run, or in which code of anybody's runs with the secrets of ours. */
const ofBranches = ["pull_request", "merge_group", "pull_request_review", "create"];
const never = ["pull_request_target", "issue_comment", "issues"];

/** What is wrong with a workflow: by whom it may be run, and what he would get. */
function faults(text: string): readonly string[] {
  const workflow = parse(text, { merge: true }) as Workflow;
  const events =
    typeof workflow.on === "string"
      ? [workflow.on]
      : Array.isArray(workflow.on)
        ? workflow.on
        : Object.keys(workflow.on);
  const found: string[] = events
    .filter((event) => never.includes(event))
    .map((event) => `${event}: anybody starts it, with secrets`);
  if (JSON.stringify(workflow.permissions) !== "{}")
    found.push("permissions of the whole workflow: name them at each job");
  if (JSON.stringify(workflow.env ?? {}).includes("secrets.")) found.push("secrets for every step of every job");
  const forBranches = events.some((event) => ofBranches.includes(event));
  const branches = (workflow.on as { push?: { branches?: readonly string[] } | null }).push?.branches;
  if (events.includes("push") && branches?.join() !== "main") found.push("push of any branch");
  for (const [name, job] of Object.entries(workflow.jobs)) {
    const say = (what: string) => found.push(`${name}: ${what}`);
    const own = /secrets\.|self-hosted|github\.token|GITHUB_TOKEN/;
    const whole = JSON.stringify(job);
    if (forBranches && own.test(whole)) say("a branch gets a secret, a token or a runner of ours");
    const needsEnvironment = /secrets\.|self-hosted/.test(whole);
    if (needsEnvironment && job.environment === undefined) say("secrets without an environment");
    if (
      needsEnvironment &&
      events.includes("workflow_dispatch") &&
      !("needs" in job) &&
      !job.if?.includes("refs/heads/main")
    )
      say("any branch may be chosen by hand");
    if (JSON.stringify(job.env ?? {}).includes("secrets.")) say("secrets for every step");
    const may = job.permissions;
    if (may === undefined) say("no permissions are named");
    for (const [what, how] of Object.entries(may ?? {})) {
      if (how !== "read" && !(what === "pull-requests" && events.join() === "workflow_run")) say(`may ${how} ${what}`);
    }
    for (const step of job.steps) {
      if (step.run?.includes("${{")) say("a script that is put together of expressions");
      if (step.uses !== undefined && !/^[\w.-]+\/[\w./-]+@[0-9a-f]{40}$/.test(step.uses))
        say(`${step.uses} may become another`);
      if (step.uses?.startsWith("actions/checkout@") && step.with?.["persist-credentials"] !== false)
        say("a token stays on disk");
      if (step.uses?.startsWith("actions/checkout@") && events.includes("workflow_run") && "ref" in (step.with ?? {}))
        say("code of a branch beside a token");
      if (/setup|build|install/.test(step.run ?? "") && JSON.stringify(step.env ?? {}).includes("secrets."))
        say("packages are installed with secrets in the environment");
    }
  }
  return found;
}

describe("the workflows", () => {
  it.each(Object.keys(texts))("%s gives strangers nothing", (name) => {
    expect(faults(texts[name] as string)).toEqual([]);
  });

  it("pin every action to a commit whose version stands beside it", () => {
    const uses = Object.values(texts).flatMap((text) => text.match(/uses: .*/g) ?? []);
    expect(uses.length).toBeGreaterThan(5);
    for (const line of uses) expect(line).toMatch(/^uses: [\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
    // One action is one commit everywhere.
    const pins = new Map(uses.map((line) => line.slice("uses: ".length).split("@") as [string, string]));
    for (const line of uses) expect(line).toContain(pins.get(line.slice("uses: ".length).split("@")[0] ?? ""));
  });

  it("hold secrets behind two environments, and every job that has one is of the main branch", () => {
    const { jobs } = parse(texts["pgsite.yml"] as string) as Workflow;
    const environments = Object.fromEntries(Object.entries(jobs).map(([name, { environment }]) => [name, environment]));
    expect(environments).toEqual({ preview: "preview", up: "servers", drift: "preview" });
    expect(texts["check.yml"]).not.toMatch(/secrets|self-hosted/);
    expect(texts["comment.yml"]).not.toMatch(/secrets|self-hosted|npm|dist/);
  });

  it("run one at a time where they touch a state, and none is cut off", () => {
    const { concurrency } = parse(texts["pgsite.yml"] as string) as Workflow & { concurrency: object };
    expect(concurrency).toEqual({ group: "pgsite-servers", "cancel-in-progress": false });
  });
});

const expression = (name: string) => `\${{ ${name} }}`;

describe("what is looked for is found", () => {
  const check = texts["check.yml"] as string;
  const pgsite = texts["pgsite.yml"] as string;
  it.each([
    [
      "a branch with a secret",
      check.replace("run: npm run build", `run: npm run build\n        env: { A: '${expression("secrets.A")}' }`),
    ],
    ["a branch on our runner", check.replace("ubuntu-latest", "[self-hosted, pgsite]")],
    ["a branch's code with the main branch's secrets", check.replace("on: pull_request", "on: pull_request_target")],
    ["an action by its tag", check.replace(/checkout@[0-9a-f]{40}/, "checkout@v7")],
    [
      "a branch's name in a script",
      check.replace("npm run build", `echo ${expression("github.event.pull_request.title")}`),
    ],
    ["a token that stays", check.replaceAll("persist-credentials: false", "fetch-depth: 1")],
    ["too much for a token", check.replace("contents: read", "contents: write")],
    ["what nobody limited", check.replace("permissions: {}", "")],
    ["no environment", pgsite.replace("environment: servers", "")],
    ["every branch", pgsite.replace("branches: [main]", "branches: ['**']")],
    ["by hand from any branch", pgsite.replaceAll(" && github.ref == 'refs/heads/main'", "")],
    [
      "secrets beside an installation",
      pgsite.replace("run: npm run setup", `run: npm run setup\n        env: { A: '${expression("secrets.A")}' }`),
    ],
  ])("%s", (_what, text) => {
    expect(faults(text)).not.toEqual([]);
  });
});
