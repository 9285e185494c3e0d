import { describe, expect, it } from "vitest";
import type { DesiredServer } from "../../../postgres/rollout/model.js";
import { planRollout } from "../../../postgres/rollout/plan.js";
import { refusalInWords } from "../../../servers/words/refusals.js";
import { desired, running, words } from "../../support/rolloutPlans.js";

const conninfo = "host=192.0.2.2 port=5432 user=replicator";
const verified = `${conninfo} sslmode=verify-full sslrootcert=/srv/authorities.crt`;

function site(ssl: string, primary_conninfo: string, version: DesiredServer["version"] = "15") {
  return {
    server2: desired("primary", { ssl }, { version }),
    server3: desired("standby", { ssl, primary_conninfo }, { version }),
  };
}

function allRunning(shall: ReturnType<typeof site>) {
  return { server2: running(shall.server2), server3: running(shall.server3, undefined, { follows: "server2" }) };
}

const plain = () => site("off", conninfo);
const offered = () => site("on", conninfo);
const required = () => site("on", verified);

describe("a rollout to TLS and back", () => {
  it("is refused where a standby would insist on what its upstream has not got, in both directions", () => {
    expect(planRollout(allRunning(plain()), required()).refusals.map(refusalInWords)).toEqual([
      "server3 is to insist on TLS with server2, which runs without. Nothing was changed; declare tls.required: false, pulumi up, then take that away",
    ]);
    expect(planRollout(allRunning(required()), plain()).refusals.map(refusalInWords)).toEqual([
      "server3 insists on TLS with server2, which is to offer none. Nothing was changed; declare tls with required: false, pulumi up, then take tls away",
    ]);
  });

  it.each([
    ["plain to offered", plain, offered],
    ["offered to required", offered, required],
    ["required to offered", required, offered],
    ["offered to plain", offered, plain],
  ])("goes by single steps: %s", (_name, from, to) => {
    const plan = planRollout(allRunning(from()), to());
    expect(plan.refusals).toEqual([]);
    expect(plan.steps.length).toBeGreaterThan(0);
  });

  it("undoes what somebody switched off by hand under a standby that insists", () => {
    const is = { ...allRunning(required()), server2: running(required().server2, { ssl: "off" }) };
    expect(words(is, required())).toEqual(["1. server2: reload (ssl off → on)"]);
  });

  it("restarts servers before 10 for a renewed certificate, standbys first", () => {
    const shall = site("on", verified, "9.6");
    const is = allRunning(shall);
    expect(
      words({ server2: { ...is.server2, renewed: true }, server3: { ...is.server3, renewed: true } }, shall),
    ).toEqual([
      "1. server3: restart (its certificate was renewed)",
      "2. server2: restart (its certificate was renewed)",
    ]);
  });
});
