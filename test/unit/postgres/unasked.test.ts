import { describe, expect, it } from "vitest";
import { unaskedAmong } from "../../../postgres/files/hba/index.js";

const peer = (name: string, address: string) => ({ name, address, conninfo: `host=${address} user=replicator` });
const site = (rules: { readonly db1?: string; readonly db2?: string }) =>
  ({
    db1: { version: "15", peers: [peer("db2", "192.0.2.2")], ...(rules.db1 === undefined ? {} : { rules: rules.db1 }) },
    db2: { version: "15", peers: [peer("db1", "192.0.2.1")], ...(rules.db2 === undefined ? {} : { rules: rules.db2 }) },
  }) as const;
const both = "host replication replicator 192.0.2.0/24 scram-sha-256\n";

describe("servers that others do not let ask", () => {
  it("are none where each has a rule for the other", () => {
    expect(unaskedAmong(site({ db1: both, db2: both }))).toEqual([]);
  });

  it("are those for which there is no rule, or that one refuses first", () => {
    const unasked = [{ server: "db1", peer: "db2", user: "replicator", from: "192.0.2.1" }];
    for (const db2 of [
      "host replication replicator 192.0.2.2/32 scram-sha-256\n",
      "",
      `host replication all all reject\n${both}`,
      "host all all 0.0.0.0/0 trust\n",
    ]) {
      expect(unaskedAmong(site({ db1: both, db2 }))).toEqual(unasked);
    }
  });

  it("are not told of where nobody knows the rules, or they hang on more", () => {
    expect(unaskedAmong(site({ db1: both }))).toEqual([]);
    expect(unaskedAmong(site({ db1: both, db2: "host replication +standbys 192.0.2.0/24 scram-sha-256\n" }))).toEqual(
      [],
    );
  });
});
