import { expect } from "vitest";
import type { Major } from "../../postgres/versions.js";
import { disconnect, untilReplayed } from "./disconnect.js";
import { killServer } from "./kill.js";
import { quick, type RolloutDeclaration, RolloutSite } from "./rolloutSite.js";
import { installRunbooks, runScript } from "./siteRunbook.js";
import { forged, inviteStrangers, strangersAt, titledLike } from "./strangers.js";

export interface Night {
  readonly major: Major;
  readonly block: number;
  /** Of the standby. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly binaries?: string;
}

/** A primary and a hot standby, to which strangers come. */
async function make({ major, block, settings = {}, binaries }: Night) {
  const servers = {
    server2: { dataDirectory: "/data/db", settings },
    server3: { dataDirectory: "/data/db", settings: { ...settings, hot_standby: true } },
  };
  const declaration: RolloutDeclaration = {
    settings: { ...quick, max_connections: "30", log_min_messages: "debug1" },
    servers,
  };
  const site = await RolloutSite.make(major, block, declaration, binaries);
  try {
    await installRunbooks(site, declaration);
    await inviteStrangers(site, "server2");
    await site.query("server2", "create table written (n int)", "insert into written values (1)");
    await untilReplayed(site, "server3");
  } catch (error) {
    await site.close();
    throw error;
  }
  const lose = async () => {
    await killServer(site.server("server2"));
    const lost = { ...servers.server2, lost: true };
    site.declare({ ...declaration, servers: { ...servers, server2: lost }, primary: "server3" });
  };
  return { site, lose };
}

const rows = async (site: RolloutSite) =>
  (await site.query("server3", "select n from written order by 1")).map(({ n }) => Number(n));

/** What the runbook asks with; without psql it is told that nobody can be asked. */
const failover = async (site: RolloutSite, psql: boolean, ...words: readonly string[]) =>
  runScript(site, "server3", "failover", ...(psql ? [] : ["--unasked"]), ...words);

/**
 * The primary dies after a day on which strangers wrote to the standby's log whatever would say that it lives on. The failover goes
 * through, by an `up` or by the runbook, and both say before that it would.
 */
export async function theNight(night: Night, act: "up" | "runbook", psql: boolean): Promise<void> {
  const { site, lose } = await make(night);
  try {
    await strangersAt(site.server("server3"), Object.values(forged));
    await lose();
    await strangersAt(site.server("server3"), [forged.livesOn, forged.began]);
    expect((await site.preview()).join("\n")).toMatch(
      /^1\. server3: promote \(failover: server2 is lost\); it received up to \S+ at \S+ UTC, \d+ s ago, and its stream ended with the primary; /,
    );
    const rehearsed = await failover(site, psql, "--dry-run");
    expect(rehearsed.said).toContain('its stream was ended by the other end: "FATAL: ');
    expect(rehearsed).toMatchObject({ code: 0 });
    if (act === "up") await site.up();
    else expect((await failover(site, psql)).said).toContain("server3 takes writes, on timeline 2");
    await site.query("server3", "insert into written values (2)");
    expect(await rows(site)).toEqual([1, 2]);
  } finally {
    await site.close();
  }
}

/** The standby was cut off while the primary lived on; strangers then write to its log whatever would say that it was not. Nobody promotes it. */
export async function cutOffBefore(night: Night, psql: boolean): Promise<void> {
  const { site, lose } = await make(night);
  try {
    await disconnect(site, "server3");
    await site.query("server2", "insert into written values (2)");
    // It asks again, and is turned away.
    await new Promise((resolve) => setTimeout(resolve, 1000));
    await lose();
    await strangersAt(site.server("server3"), [forged.began, forged.broke, forged.finished]);
    const ends = await titledLike(site, site.server("server3"));
    const refused =
      /refused: the failover from server2 to server3: server3 received up to \S+ at \S+ UTC, \d+ s ago, and its stream had ended before, while server2 lived on/;
    expect((await site.preview()).join("\n")).toMatch(refused);
    await expect(site.up()).rejects.toThrow("its stream had ended before, while server2 lived on");
    const { code, said } = await failover(site, psql);
    expect(said).toMatch(/refused: server3 had lost its stream before server2 was lost: "FATAL: /);
    expect(code).toBe(3);
    ends();
    expect(await site.query("server3", "select pg_is_in_recovery()::text as recovery")).toEqual([{ recovery: "true" }]);
    expect(await rows(site)).toEqual([1]);
  } finally {
    await site.close();
  }
}
