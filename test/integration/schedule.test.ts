import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { hostOf } from "../../hosts/index.js";
import type { Schedule, Scheduler } from "../../installed/schedule/render.js";
import {
  compareSchedule,
  declaredSchedule,
  findScheduler,
  installSchedule,
  readSchedule,
  removeSchedule,
  type ScheduleHosts,
} from "../../installed/schedule.js";
import { enter, leave } from "../support/here.js";
import { type HostMachine, type MultiHost, multiHost, whyNoHosts } from "../support/multihost.js";

const why = whyNoHosts(["/usr/sbin/cron", "/usr/bin/crontab", "/lib/systemd/systemd"]);
/** What no shell, cron or systemd may take for anything but a name. */
const hostile = '/raid2/it\'s é; touch /pwned $(touch /pwned) 100%d \\ "q" $HOME';
const words = ["a b", "it's", "100%", "\\", "\\\\", "", "$HOME", "%h", "$(PATH)", '"', "*", "é"];

/** A program that prints what it was given, once a minute. */
const schedule: Schedule = {
  name: "pgsite-test_1",
  mark: "Written by pgsite: a schedule of the site sispi.",
  description: "100% of what a test wants",
  when: { cron: "* * * * *" },
  user: "postgres",
  command: [`${hostile}/run`, ...words],
  log: `${hostile}/run.log`,
};
const program = `#!/bin/sh
printf '<%s>' "$(id -un)" "$@"
echo >&2
printf '%s\\n' "$PATH $(umask)"
`;
const said = `${["postgres", ...words].map((word) => `<${word}>`).join("")}\n/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin 0077\n`;

interface Case {
  readonly net: MultiHost;
  readonly scheduler: Scheduler;
  readonly hosts: ScheduleHosts;
  readonly machine: HostMachine;
}

let nets: MultiHost[] = [];
let cases: readonly Case[];

beforeAll(async () => {
  if (why !== undefined) return;
  nets = await Promise.all([multiHost(["server2", "server3"]), multiHost(["server4"], { init: "systemd" })]);
  cases = nets.flatMap((net) =>
    net.hosts.map((machine) => {
      const spec = { name: machine.name, transport: "ssh", address: machine.address, login: "root" } as const;
      const [host, root] = [hostOf({ ...spec, user: "postgres" }), hostOf({ ...spec, user: "root" })];
      const scheduler = machine.name === "server4" ? "systemd" : machine.name === "server2" ? "cron.d" : "crontab";
      return { net, scheduler, machine, hosts: scheduler === "crontab" ? { host } : { host, root } };
    }),
  );
}, 120_000);

afterAll(async () => {
  await leave();
  await Promise.all(nets.map((net) => net.close()));
}, 60_000);

/** One after the other: each network has a way of its own to its hosts. */
async function each(act: (one: Case) => Promise<void>): Promise<void> {
  for (const one of cases) {
    enter(one.net.control.env);
    await act(one);
  }
}
const found = ({ hosts, scheduler }: Case) => readSchedule(hosts, scheduler, schedule);
const differences = async (one: Case) =>
  compareSchedule(one.scheduler, declaredSchedule(one.scheduler, schedule), await found(one));
const files = {
  systemd: [`${schedule.name}.service`, `${schedule.name}.timer`],
  "cron.d": [schedule.name],
  crontab: [schedule.name],
};
/** Somebody's own line in the user's crontab. */
const own = "# mine\n0 5 * * * true\n";

describe.skipIf(why !== undefined)(`a schedule${why ? ` (${why})` : ""}`, () => {
  it("is a timer of systemd's, a file of cron's, or lines in the user's crontab, by what the host has and who we may be", async () => {
    await each(async (one) => {
      const { machine, hosts, scheduler } = one;
      await machine.must(["install", "-d", "-o", "postgres", "/raid2", hostile]);
      await hosts.host.writeFile(`${hostile}/run`, program, { mode: 0o700 });
      if (scheduler === "crontab") await machine.must(["crontab", "-u", "postgres", "-"], { input: own });
      expect(await findScheduler(hosts)).toBe(scheduler);
      const missing = files[scheduler].map((name) => ({ kind: "missing", name }));
      const off =
        scheduler === "systemd"
          ? [{ kind: "disabled" }, { kind: "stopped", scheduler }]
          : [{ kind: "stopped", scheduler }];
      expect(await differences(one)).toEqual([...missing, ...off]);
      // pgsite starts no cron.
      if (scheduler !== "systemd") await machine.must(["cron"]);
      await installSchedule(hosts, scheduler, schedule);
      expect(await differences(one)).toEqual([]);
    });
  }, 60_000);

  it("that is edited, switched off or taken away by hand is found to differ, and healed", async () => {
    await each(async (one) => {
      const { machine, hosts, scheduler } = one;
      const shell = (script: string) => machine.must(["sh", "-c", script]);
      if (scheduler === "systemd") {
        await shell(
          `cd /etc/systemd/system && sed -i s/OnCalendar=.*/OnCalendar=monthly/ ${schedule.name}.timer && chmod 600 ${schedule.name}.service`,
        );
        await shell(`systemctl daemon-reload; systemctl disable --now ${schedule.name}.timer`);
        expect(await differences(one)).toEqual([
          { kind: "permissions", name: `${schedule.name}.service`, is: "0600 root", shall: "0644 root" },
          { kind: "content", name: `${schedule.name}.timer` },
          { kind: "disabled" },
          { kind: "stopped", scheduler },
        ]);
      } else if (scheduler === "cron.d") {
        await shell(`sed -i 's/^\\* /1 /' /etc/cron.d/${schedule.name}`);
        expect(await differences(one)).toEqual([{ kind: "content", name: schedule.name }]);
      } else {
        await shell("crontab -u postgres -l | sed 's/^\\* /1 /' | crontab -u postgres -");
        expect(await differences(one)).toEqual([{ kind: "content", name: schedule.name }]);
      }
      await installSchedule(hosts, scheduler, schedule);
      expect(await differences(one)).toEqual([]);
    });
  }, 60_000);

  it("runs its program as its user, with the words that it was given, and keeps what it says for that user alone", async () => {
    await vi.waitFor(
      async () => {
        for (const { machine, scheduler } of cases) {
          const { stdout } = await machine.run(["cat", `${hostile}/run.log`]);
          expect([scheduler, stdout.slice(0, said.length)]).toEqual([scheduler, said]);
        }
      },
      { timeout: 90_000, interval: 500 },
    );
    for (const { machine } of cases) {
      expect(await machine.must(["stat", "-c", "%a %U", `${hostile}/run.log`])).toBe("600 postgres\n");
      expect((await machine.run(["ls", "/pwned"])).code).not.toBe(0);
    }
  }, 100_000);

  it("leaves what somebody else has made under its name, and says so", async () => {
    await each(async ({ machine, hosts, scheduler }) => {
      if (scheduler === "crontab") return;
      const name = "pgsite-other";
      const path = scheduler === "systemd" ? `/etc/systemd/system/${name}.timer` : `/etc/cron.d/${name}`;
      await machine.must(["sh", "-c", `echo '# mine' >${path}`]);
      await expect(installSchedule(hosts, scheduler, { ...schedule, name })).rejects.toThrow(
        `${path} on ${machine.name} is there and was not made by pgsite: it is left untouched`,
      );
      expect(await removeSchedule(hosts, scheduler, { ...schedule, name })).toEqual([{ path, because: "changed" }]);
      expect(await machine.must(["cat", path])).toBe("# mine\n");
    });
  }, 60_000);

  it("is taken away without a trace, and what is beside it stays", async () => {
    await each(async (one) => {
      const { machine, hosts, scheduler } = one;
      expect(await removeSchedule(hosts, scheduler, schedule)).toEqual([]);
      expect((await found(one)).files.size).toBe(0);
      if (scheduler === "systemd") {
        expect((await machine.run(["systemctl", "is-active", `${schedule.name}.timer`])).stdout).toBe("inactive\n");
        expect((await machine.run(["sh", "-c", `ls -R /etc/systemd/system | grep -w ${schedule.name}`])).stdout).toBe(
          "",
        );
      }
      if (scheduler === "crontab") expect(await machine.must(["crontab", "-u", "postgres", "-l"])).toBe(own);
      // Nothing there is fine.
      expect(await removeSchedule(hosts, scheduler, schedule)).toEqual([]);
    });
  }, 60_000);
});
