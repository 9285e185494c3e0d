import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { hostOf } from "../../hosts/index.js";
import { closeSessions } from "../../hosts/shell/sessions.js";
import { preflight } from "../../preflight/index.js";
import type { PreflightRequest } from "../../preflight/request.js";
import { enter, leave } from "../support/here.js";
import { type MultiHost, multiHost, whyNoHosts } from "../support/multihost.js";
import { binaries } from "../support/remoteSite.js";

const whyNot = whyNoHosts([`${binaries}/postgres`, "/usr/bin/perl"]);

describe.skipIf(whyNot !== undefined)(
  `a preflight of the way that SQL takes through SSH${whyNot ? ` (${whyNot})` : ""}`,
  { timeout: 60_000 },
  () => {
    let net: MultiHost;
    const db1 = () => net.host("db1");
    const sh = (script: string) => db1().must(["sh", "-c", script]);
    const withoutPerl = () => sh("mv /usr/bin/perl /usr/bin/perl.away");

    beforeAll(async () => {
      net = await multiHost(["db1"]);
      enter(net.control.env);
    }, 60_000);

    afterEach(async () => {
      await sh("[ ! -e /usr/bin/perl.away ] || mv /usr/bin/perl.away /usr/bin/perl");
      await db1().sshd();
    }, 30_000);

    afterAll(async () => {
      await leave();
      await net?.close();
    }, 60_000);

    async function told(settings: Readonly<Record<string, string>> = {}, install = false) {
      const { address } = db1();
      const dataDirectory = "/var/lib/postgresql/orders";
      const request: PreflightRequest = {
        site: "orders",
        stack: "test",
        version: "15",
        locales: ["C"],
        install,
        servers: [
          {
            name: "db1",
            host: { name: "db1", transport: "ssh", address, login: "admin", user: "postgres" },
            address,
            port: 5442,
            binDirectory: binaries,
            settings: { listen_addresses: "*", ...settings },
            disposable: false,
            dataDirectory,
            controlDirectory: `${dataDirectory}.pgsite`,
          },
        ],
      };
      await closeSessions();
      const { findings } = await preflight(request, { hostOf });
      return findings.map(({ severity, message }) => `${severity}: ${message}`);
    }

    const helpless =
      "warning: db1: perl is missing: a server that no longer lets pgsite's administrator in could not be helped as postgres: apt-get install perl";
    const closed = (where: string) =>
      `error: db1: SQL gets there neither through SSH (its sshd forbids that login to forward to ${where}) nor by perl, which is missing: one of: apt-get install perl; AllowTcpForwarding local in its sshd_config, where no PermitOpen and no line of authorized_keys leaves ${where} out; hosts.db1.sessions: direct, and SQL goes over the network`;

    it("says nothing where perl does what sshd forbids", async () => {
      await db1().sshd("AllowTcpForwarding no", "AllowStreamLocalForwarding no");
      expect(await told()).toEqual([]);
    });

    it("says what is lost without perl, where sshd forwards: to that very port, as PermitOpen has it, or to any", async () => {
      await withoutPerl();
      for (const line of [
        "",
        "PermitOpen 127.0.0.1:5442",
        "AllowTcpForwarding local",
        "AllowStreamLocalForwarding no",
      ]) {
        await db1().sshd(line);
        expect([line, await told()]).toEqual([line, [helpless]]);
      }
      expect(await told({}, true)).toEqual([]);
    });

    it("refuses where there is neither, whatever forbids it, and says all that would do", async () => {
      await withoutPerl();
      for (const line of [
        "AllowTcpForwarding no",
        "AllowTcpForwarding remote",
        "PermitOpen 127.0.0.1:5432",
        "DisableForwarding yes",
      ]) {
        await db1().sshd(line);
        expect([line, await told()]).toEqual([line, [closed("127.0.0.1:5442")]]);
      }
      await db1().sshd();
      await sh("sed -i 's/^/restrict /' /home/admin/.ssh/authorized_keys");
      expect(await told({ listen_addresses: db1().address })).toEqual([closed(`${db1().address}:5442`)]);
      await sh("sed -i 's/^restrict //' /home/admin/.ssh/authorized_keys");
      // No TCP at all, and nobody who would go to its Unix socket.
      expect(await told({ listen_addresses: "" })).toEqual([
        expect.stringMatching(
          /^error: db1: SQL gets there neither through SSH \(it is to listen on no address\) nor by perl, which is missing: one of: apt-get install perl; listen_addresses: localhost; /,
        ),
      ]);
    });
  },
);
