import { expect } from "vitest";
import { DistributionSite, passwords } from "./distributionSite.js";
import type { Doing, HandMadeLayout } from "./handMadeLayouts.js";

const states = { writes: "read-write", follows: "in recovery, read-only", "is down": "stopped" } as const;

interface StatusRow {
  readonly name: string;
  readonly state: string;
  readonly problems: readonly { readonly code: string }[];
}

/** A site that was made by hand, taken over by `pgsite import`, and what everybody says of its two servers. */
export class Life {
  /** Keys of the stack file that differ from what the import wrote. */
  #keys: Readonly<Record<string, unknown>> = {};

  private constructor(
    readonly made: HandMadeLayout,
    readonly site: DistributionSite,
    /** By the import. */
    readonly said: string,
  ) {}

  static async begin(made: HandMadeLayout): Promise<Life> {
    const { site, said } = await DistributionSite.imported(made);
    return new Life(made, site, said);
  }

  async end(): Promise<void> {
    await this.site.remove();
  }

  /** Changes the stack file: these keys stay changed. */
  declare(keys: Readonly<Record<string, unknown>>): void {
    this.#keys = { ...this.#keys, ...keys };
    this.site.declare(this.#keys);
  }

  /** What the import wrote of settings, or of servers. */
  imported(key: "settings" | "servers"): Readonly<Record<string, object>> {
    return this.site.declared(key) as Readonly<Record<string, object>>;
  }

  async expectNoChange(): Promise<void> {
    expect(await this.site.preview()).toMatch(/Resources:\n {4}\d+ unchanged\n/);
  }

  /** On a server's host. @throws where it fails */
  sh(server: string, script: string, as = "root"): Promise<string> {
    return this.site.host(server).must(["su", "-s", "/bin/sh", "-c", script, as], { seconds: 120 });
  }

  async #status(): Promise<readonly StatusRow[]> {
    const { stdout } = await this.site.pgsite(["status", "--json"]);
    return (JSON.parse(stdout) as { servers: StatusRow[] }).servers;
  }

  /** What pgsite, systemd and the distribution's own tools say of both servers. */
  async told(): Promise<Readonly<Record<string, object>>> {
    const { unit, dataDirectory, tools } = this.made;
    const status = this.#status();
    const each = ["one", "two"].map(async (server) => {
      const host = this.site.host(server);
      const script = `systemctl show -P MainPID ${unit}; head -n 1 ${dataDirectory}/postmaster.pid 2>/dev/null`;
      const [more, active, pids] = await Promise.all([
        tools(this.site, server),
        host.run(["systemctl", "is-active", unit]),
        host.run(["sh", "-c", script]),
      ]);
      const [main, own] = pids.stdout.split("\n");
      const systemd = active.stdout.trim();
      // systemd means the process that runs on the data.
      const process = systemd !== "active" || main === own ? "" : `, process ${main} and not ${own}`;
      const pgsite = (await status).find(({ name }) => name === server)?.state;
      return [server, { pgsite, systemd: systemd + process, ...more }];
    });
    return Object.fromEntries(await Promise.all(each));
  }

  /** The same of a server of which all say that it does this. */
  agreed(doing: Doing) {
    const systemd = doing === "is down" ? "failed" : "active";
    return { pgsite: states[doing], systemd, ...this.made.says[doing] };
  }

  async expectAgreed(one: Doing, two: Doing): Promise<void> {
    expect(await this.told()).toEqual({ one: this.agreed(one), two: this.agreed(two) });
  }

  async problemsOf(server: string): Promise<readonly string[] | undefined> {
    return (await this.#status()).find(({ name }) => name === server)?.problems.map(({ code }) => code);
  }

  /** Both encrypt sessions with the certificate that their administrator gave them. */
  async expectEncrypted(): Promise<void> {
    const query = "select version from pg_stat_ssl where pid = pg_backend_pid()";
    for (const server of ["one", "two"]) {
      const to = `host=${this.site.host(server).address} user=postgres dbname=postgres sslmode=require`;
      const argv = ["env", `PGPASSWORD=${passwords.postgres}`, "psql", "-XAtq", "-d", to, "-c", query];
      expect(await this.site.host("two").must(argv)).toBe("TLSv1.3\n");
    }
  }

  /** Ends a server's postmaster at once, as a lack of memory does. */
  async kill(server: string): Promise<void> {
    await this.sh(server, `kill -9 $(head -n 1 ${this.made.dataDirectory}/postmaster.pid); sleep 1`);
  }
}
