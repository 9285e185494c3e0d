import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { blockIn, blockOf, withBlock } from "../../installed/schedule/crontab.js";
import { ScheduleRefused } from "../../installed/schedule/problems.js";
import { cronLine, type Schedule, scheduleFiles } from "../../installed/schedule/render.js";

const schedule: Schedule = {
  name: "pgsite-backup",
  mark: "Written by pgsite: server server2 of the site sispi.",
  description: "Backup of the databases of sispi",
  when: { cron: "30 2 * * mon-fri" },
  user: "postgres",
  command: ["/raid2/db.pgsite/backup/run", "--all", "it's 100%"],
};
const file = (scheduler: "systemd" | "cron.d", name: string, more: Partial<Schedule> = {}) =>
  scheduleFiles(scheduler, { ...schedule, ...more }).files[name]?.content.split("\n") ?? [];
const refusal = (more: Partial<Schedule>, scheduler: "systemd" | "cron.d" = "cron.d") => {
  try {
    scheduleFiles(scheduler, { ...schedule, ...more });
  } catch (error) {
    if (error instanceof ScheduleRefused) return error;
    throw error;
  }
  throw new Error("it was taken");
};

describe("a schedule", () => {
  it("says in a file of cron's when, as whom and what, and its output goes to syslog", () => {
    const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    expect(file("cron.d", "pgsite-backup")).toEqual([
      "# Written by pgsite: server server2 of the site sispi.",
      "# Backup of the databases of sispi. Change the stack file instead: what is changed here shows in the next preview.",
      `30 2 * * 1-5 postgres cd /; umask 077; PATH=${path}; export PATH; { '/raid2/db.pgsite/backup/run' '--all' 'it'\\''s 100'"$(printf '\\045')"; } 2>&1 | logger -t 'pgsite-backup'`,
      "",
    ]);
  });

  it("is for systemd a timer, to the second, and a service of its user, whose output the journal keeps", () => {
    const [timer, service] = [file("systemd", "pgsite-backup.timer"), file("systemd", "pgsite-backup.service")];
    expect(timer).toEqual(
      expect.arrayContaining([
        "OnCalendar=Mon,Tue,Wed,Thu,Fri *-*-* 02:30:00",
        "AccuracySec=1s",
        "WantedBy=timers.target",
      ]),
    );
    expect(service).toEqual(
      expect.arrayContaining(["Type=oneshot", "User=postgres", "UMask=0077", "KillMode=process"]),
    );
    expect(service).toContain(`ExecStart=/raid2/db.pgsite/backup/run --all "it's 100%%"`);
    expect(file("systemd", "pgsite-backup.timer", { when: { calendar: "Sat *-*-1..7 18:00:00" } })).toContain(
      "OnCalendar=Sat *-*-1..7 18:00:00",
    );
  });

  it("opens its log as its user, never as root", () => {
    const log = "/raid2/db.pgsite/backup.log";
    expect(file("systemd", "pgsite-backup.service", { log })).toContain(
      `ExecStart=/bin/sh -c "log=$$1; shift; exec \\"$$@\\" >>\\"$$log\\" 2>&1" sh ${log} /raid2/db.pgsite/backup/run --all "it's 100%%"`,
    );
    expect(file("cron.d", "pgsite-backup", { log })[2]).toMatch(/ >>'\/raid2\/db\.pgsite\/backup\.log' 2>&1$/);
  });

  it("is one that systemd takes, whatever it is told", async (context) => {
    if ((await execa("systemd-analyze", ["--version"], { reject: false })).exitCode !== 0)
      context.skip("no systemd here");
    const folder = mkdtempSync(join(tmpdir(), "pgsite-schedule-"));
    try {
      const command = ["/bin/true", "%h", "$HOME", "\\", '"', "", "it's é", ";"] as const;
      const set = scheduleFiles("systemd", {
        ...schedule,
        user: "root",
        command,
        log: "/a b/100%d.log",
        when: { cron: "*/7 1,2 3 feb sun" },
      });
      for (const [name, { content }] of Object.entries(set.files)) writeFileSync(join(folder, name), content);
      const units = Object.keys(set.files).map((name) => join(folder, name));
      const { exitCode, stdout, stderr } = await execa("systemd-analyze", ["verify", "--man=no", ...units], {
        reject: false,
      });
      expect({ exitCode, said: stdout + stderr }).toEqual({ exitCode: 0, said: "" });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }, 20_000);

  it("is refused with the reason, where a scheduler would make something else of it", () => {
    expect(refusal({ when: { calendar: "monthly" } }).message).toBe(
      'the schedule "pgsite-backup" cannot be put on a host: "monthly" is a calendar event of systemd\'s, which does not run there: give the five fields of a cron expression',
    );
    const problems = (more: Partial<Schedule>, scheduler?: "systemd" | "cron.d") => refusal(more, scheduler).problems;
    expect(problems({ when: { cron: "61 2 * * *" } }, "systemd")).toMatchObject([
      { code: "field", field: "minute", received: "61" },
    ]);
    // Debian's cron reads no file with a dot in its name.
    for (const name of ["a.b", "-x", "", "a b", "a/b", "x".repeat(64)])
      expect(problems({ name })).toEqual([{ code: "name" }]);
    for (const user of ["a b", "", "x;y"]) expect(problems({ user })).toEqual([{ code: "user", user }]);
    expect(problems({ command: ["run"] })).toEqual([{ code: "path", path: "run" }]);
    expect(problems({ log: "backup.log" }, "systemd")).toEqual([{ code: "path", path: "backup.log" }]);
    for (const text of ["a\nb", "a\rb", "a\0b"]) {
      expect(problems({ command: ["/run", text] })).toEqual([{ code: "line break", text }]);
      expect(problems({ mark: text }, "systemd")).toEqual([{ code: "line break", text }]);
    }
    expect(problems({ command: ["/run", "x".repeat(1000)] })).toMatchObject([{ code: "long", longest: 998 }]);
  });
});

describe("a schedule in a user's crontab", () => {
  it("is a block of its own: whatever else is in there stays as it is, byte for byte", () => {
    const line = fc.string({ maxLength: 12 }).filter((text) => !/[\n\r]|pgsite/.test(text));
    const lines = fc.array(line, { maxLength: 5 }).map((all) => all.map((each) => `${each}\n`).join(""));
    fc.assert(
      fc.property(lines, lines, (before, after) => {
        const block = blockOf(schedule);
        const crontab = withBlock(before, schedule.name, block) + after;
        expect(blockIn(crontab, schedule.name)).toBe(block);
        const changed = blockOf({ ...schedule, when: { cron: "0 3 * * *" } });
        expect(withBlock(crontab, schedule.name, changed)).toBe(before + changed + after);
        expect(withBlock(crontab, schedule.name, undefined)).toBe(before + after);
        expect(withBlock(crontab, "another", undefined)).toBe(crontab);
        expect(blockIn(crontab, "another")).toBeUndefined();
      }),
    );
    expect(blockOf(schedule).split("\n")[2]).toBe(`${cronLine(schedule)} # pgsite pgsite-backup`);
  });

  it("goes with each of its lines, also where somebody took one of them or wrote between them", () => {
    const [one, two, three] = blockOf(schedule).split("\n");
    expect(withBlock(`# mine\n${two}\n# mine too\n${three}\n`, schedule.name, undefined)).toBe("# mine\n# mine too\n");
    expect(withBlock(`${three}\n# mine\n`, schedule.name, blockOf(schedule))).toBe(
      `${one}\n${two}\n${three}\n# mine\n`,
    );
  });
});
