import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pageDrift } from "../../../cli/page/drift.js";
import { encryptedIn } from "../../../cli/page/encrypted.js";
import { updatesIn } from "../../../cli/page/history.js";
import { dataOf, type PageParts, policyOf, renderPage } from "../../../cli/page/html.js";
import { type Served, servePage } from "../../../cli/page/serve.js";
import type { PageReport } from "../../../servers/page/model.js";

const parts: PageParts = {
  template:
    '<!doctype html><html lang="en"{{live}}><head><meta http-equiv="Content-Security-Policy" content="{{policy}}"><style>{{style}}</style></head><body><script type="application/json" id="report">{{data}}</script><script>{{script}}</script></body></html>',
  style: "p { color: red }",
  script: "document.title = '$&';",
};

const report = (message: string): PageReport => ({
  format: 1,
  generatedAt: "2026-11-30T15:00:00.000Z",
  stacks: [
    {
      ...{ stack: "ctio", site: "sispi", version: "15", servers: [], streams: [], history: [] },
      drift: { outcome: "not asked", differences: [], reasons: [], plan: [], refusals: [] },
      unknown: [message],
    },
  ],
});

describe("the report in its document", () => {
  it.each([
    "</script><script>alert(1)</script>",
    "<!-- <script>",
    "<img src=x onerror=alert(1)>",
    "a\u2028b\u2029c",
    "\u202eevil",
    "{{script}} {{data}} $& $1 $$",
    "&lt;script&gt;",
    '"\\',
  ])("stays what it is: %s", (hostile) => {
    const html = renderPage(parts, dataOf(report(hostile)), false);
    const [, data = ""] = /<script type="application\/json" id="report">(.*?)<\/script>/s.exec(html) ?? [];
    expect(data).not.toMatch(/[<>&\u2028\u2029\u202e]/);
    expect((JSON.parse(data) as PageReport).stacks[0]?.unknown).toEqual([hostile]);
    expect(html.match(/<script\b/g)).toHaveLength(2);
    expect(html.endsWith(`<script>${parts.script}</script></body></html>`)).toBe(true);
  });

  it("has a policy of the hashes of its script and style, and may ask its own server only where it is served", () => {
    const policy = policyOf(parts, false);
    expect(policy).toMatch(
      /^default-src 'none'; script-src 'sha256-[\w+/]{43}='; style-src 'sha256-[\w+/]{43}='; img-src data:; base-uri 'none'; form-action 'none'$/,
    );
    const [alone, live] = [false, true].map((one) => renderPage(parts, "{}", one)) as [string, string];
    expect(alone).toContain(`content="${policy}"`);
    expect(alone).toContain('<html lang="en">');
    expect(live).toContain('<html lang="en" data-live>');
    expect(live).toContain("connect-src 'self'");
    expect(alone).not.toContain("connect-src");
  });

  it("is not made of a script that ends its element, nor of a template without its places", () => {
    expect(() => renderPage({ ...parts, script: "'</script>'" }, "{}", false)).toThrow("ends its element");
    expect(() => renderPage({ ...parts, template: "{{data}}" }, "{}", false)).toThrow("has other places");
  });

  it("masks what looks like a secret, and known ones wherever they stand but where programs read", () => {
    const data = dataOf(report("password=zq1 and zqLongSecret and short"), ["zqLongSecret", "short", "read-write"]);
    expect(data).toContain("password=******** and ******** and short");
  });
});

describe("Pulumi's history", () => {
  it("is taken without configuration and environment", () => {
    const told = [
      {
        ...{ kind: "update", startTime: "2026-11-30T03:00:00.000Z", endTime: "2026-11-30T03:01:00.000Z" },
        ...{ result: "failed", message: "m", resourceChanges: { create: 2 }, version: 3 },
        config: { "pgsite:site": { value: "zqSecret" } },
        environment: { "git.author": "zqSecret" },
      },
    ];
    expect(updatesIn(JSON.stringify(told))).toEqual([
      {
        ...{ kind: "update", began: "2026-11-30T03:00:00.000Z", ended: "2026-11-30T03:01:00.000Z" },
        ...{ result: "failed", message: "m", changes: { create: 2 } },
      },
    ]);
    expect(updatesIn("null")).toEqual([]);
    expect(updatesIn("")).toEqual([]);
    expect(updatesIn("oh")).toEqual({ because: "it is no JSON" });
    expect(updatesIn('[{"kind": 1}]')).toEqual({ because: "this pulumi tells it in another form" });
  });
});

describe("what a stack file has encrypted", () => {
  const config = (text: string) => `config:\n${text}`;
  it.each([
    ["  pgsite:settings:\n    My.Motto: {secure: v1:abc}\n    work_mem: 4MB\n", ["my.motto"]],
    ["  pgsite:servers:\n    a: {settings: {b: {secure: v1:x}}}\n", ["b"]],
    ["  pgsite:roles:\n    r: {databaseSettings: {d: {c: {secure: v1:x}}}}\n", []],
    ["  pgsite:password-x: {secure: v1:x}\n", []],
    ["  pgsite:settings: {secure: v1:x}\n", "all"],
    ["  pgsite:servers: {secure: v1:x}\n", "all"],
  ])("%s", (text, names) => {
    const found = encryptedIn(config(text));
    expect(typeof found === "string" ? found : [...found]).toEqual(names);
  });
});

describe("drift on the page", () => {
  it("has refusals in place of the plan that says the same", () => {
    const nothing = { stack: "a", outcome: "drift", differences: [], reasons: [], unknown: [] } as const;
    const rollout = { steps: [], refusals: [] };
    expect(pageDrift({ ...nothing, plan: ["1. server2: restart"], rollout })).toMatchObject({
      plan: ["1. server2: restart"],
      refusals: [],
    });
  });
});

describe("a difference on the page", () => {
  it("says of which setting it is, whether it lets anybody in, and that what is missing is declared", () => {
    const nothing = { stack: "a", outcome: "drift", reasons: [], unknown: [], plan: [] } as const;
    const { differences } = pageDrift({
      ...nothing,
      rollout: { steps: [], refusals: [] },
      differences: [
        {
          ...{ object: "rule", there: "there", consequence: "reload" },
          facts: { object: { kind: "rule", rule: "host" }, there: { is: "undeclared", open: true } },
        },
        {
          ...{ object: "role r", there: "missing", consequence: "SQL" },
          facts: { object: { kind: "role", name: "r" }, there: { is: "missing" } },
        },
        {
          ...{ object: "x", there: "1", declared: "2", consequence: "reload" },
          facts: { object: { kind: "setting", file: "postgresql.conf", name: "x" }, there: "1", declared: "2" },
        },
        { object: "y", there: "changed", consequence: "pulumi up" },
      ],
    });
    expect(differences).toEqual([
      { object: "rule", there: "there", consequence: "reload", open: true },
      { object: "role r", there: "missing", declared: "there", consequence: "SQL" },
      { object: "x", setting: "x", there: "1", declared: "2", consequence: "reload" },
      { object: "y", there: "changed", consequence: "pulumi up" },
    ]);
  });
});

describe("the page served", () => {
  let served: Served;
  let asked = 0;
  beforeAll(async () => {
    const collect = async () => {
      asked += 1;
      await new Promise((resolve) => setTimeout(resolve, 50));
      return { report: report(`asked ${asked} times`), secrets: [] };
    };
    served = await servePage({ parts, port: 0, collect });
  });
  afterAll(() => served?.close());

  const call = (path: string, options: { method?: string; headers?: Record<string, string> } = {}) =>
    new Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; body: string }>((resolve, reject) => {
      const sent = request(new URL(path, served.url), options, (response) => {
        let body = "";
        response.setEncoding("utf8").on("data", (part: string) => {
          body += part;
        });
        response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
      });
      sent.on("error", reject);
      sent.end();
    });

  it("is there for GET and HEAD, kept by nobody, under its policy", async () => {
    const [page, data, head] = await Promise.all([call("/"), call("/report.json"), call("/", { method: "HEAD" })]);
    expect([page.status, data.status, head.status]).toEqual([200, 200, 200]);
    expect(page.headers["content-type"]).toBe("text/html; charset=utf-8");
    expect(page.headers["cache-control"]).toBe("no-store");
    expect(page.headers["content-security-policy"]).toBe(`${policyOf(parts, true)}; frame-ancestors 'none'`);
    expect(JSON.parse(data.body)).toMatchObject({ format: 1 });
    expect(head.body).toBe("");
    expect(head.headers["content-length"]).toBe(page.headers["content-length"]);
    // Whoever asks at the same time, or soon after, gets the same.
    expect(asked).toBe(1);
  });

  it.each([
    ["POST", {}, 405],
    ["OPTIONS", {}, 405],
    ["GET", { Host: "evil.example" }, 421],
    ["GET", { Host: "127.0.0.1" }, 421],
    ["GET", { Host: "127.0.0.1:1" }, 421],
    ["GET", { "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors" }, 403],
    ["GET", { "Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors" }, 403],
    ["GET", { "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate" }, 200],
    ["GET", { "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors" }, 200],
  ] as const)("answers %s with %o by %i", async (method, headers, status) => {
    expect((await call("/", { method, headers })).status).toBe(status);
  });

  it("answers to the names of this machine's own loopback, and has two places", async () => {
    const { port } = new URL(served.url);
    for (const name of ["localhost", "[::1]", "LOCALHOST"]) {
      expect((await call("/", { headers: { Host: `${name}:${port}` } })).status).toBe(200);
    }
    expect((await call("/../etc/passwd")).status).toBe(404);
    expect((await call("/report.json?x")).status).toBe(404);
  });
});
