import { describe, expect, it } from "vitest";
import { connectingEnvironment, environmentFor } from "../../../hosts/environment.js";

const ours = {
  PATH: "/bin",
  HOME: "/root",
  SSH_AUTH_SOCK: "/run/agent",
  DOCKER_HOST: "ssh://somewhere",
  LANG: "de_DE.UTF-8",
  PULUMI_CONFIG_PASSPHRASE: "secret",
  PULUMI_ACCESS_TOKEN: "secret",
  PGPASSWORD: "secret",
  AWS_SECRET_ACCESS_KEY: "secret",
  CI_JOB_TOKEN: "secret",
};

describe("what a program that we start gets of our environment", () => {
  it("is what it is known to use, and never a secret that stands there", () => {
    expect(environmentFor("ssh", ours)).toEqual({ PATH: "/bin", HOME: "/root", SSH_AUTH_SOCK: "/run/agent" });
    expect(environmentFor("docker", ours)).toEqual({
      PATH: "/bin",
      HOME: "/root",
      SSH_AUTH_SOCK: "/run/agent",
      DOCKER_HOST: "ssh://somewhere",
    });
    expect(environmentFor("hook", ours)).toEqual({
      PATH: "/bin",
      HOME: "/root",
      SSH_AUTH_SOCK: "/run/agent",
      LANG: "de_DE.UTF-8",
    });
  });

  it("is more where it is asked for by name", () => {
    const asked = { ...ours, PGSITE_PASS_ENVIRONMENT: " CI_JOB_TOKEN  NOT_THERE" };
    expect(environmentFor("hook", asked).CI_JOB_TOKEN).toBe("secret");
    expect(Object.keys(environmentFor("hook", asked))).not.toContain("NOT_THERE");
  });

  it("speaks English where we read what it says", () => {
    expect(connectingEnvironment("ssh").LC_ALL).toBe("C");
    expect(Object.keys(connectingEnvironment("ssh"))).not.toContain("LANG");
  });
});
