import { describe, expect, it } from "vitest";
import { FirstSite, firstCommands } from "../support/firstSite.js";
import { said, whyNoSite } from "../support/remoteSite.js";

const why = whyNoSite();

/** Who logs in, what an administrator wrote for sudo, whether that user can be root there, and what init is told more. As root from a clone without npm's packages. */
const logins = [
  ["root", undefined, true, ""],
  ["postgres", undefined, false, ""],
  ["admin", "admin ALL=(ALL) NOPASSWD: ALL", true, ""],
  ["guest", "guest ALL=(postgres) NOPASSWD: /bin/sh", false, ""],
  ["root", undefined, true, " --layout debian"],
] as const;

describe.skipIf(why !== undefined)(`README's first site${why ? ` (${why})` : ""}`, () => {
  it.each(logins)(
    "comes up for whoever logs in as %s (sudo: %s; can be root: %s)%s",
    async (user, rule, canBeRoot, more) => {
      const site = await FirstSite.make(user !== "root" ? {} : { install: more === "" ? "npm ci" : "pulumi install" });
      const began = Date.now();
      try {
        site.logInAs(user);
        for (const host of site.net.hosts) {
          await host.must([
            "sh",
            "-c",
            `rm -f /etc/sudoers.d/*; [ -z "$1" ] || echo "$1" >/etc/sudoers.d/it`,
            "sh",
            rule ?? "",
          ]);
        }
        let printed = "";
        for (const command of firstCommands) {
          const result = await site.type(command.startsWith("npx pgsite init") ? `${command}${more}` : command);
          printed += `$ ${command}\n${said(result)}\n`;
          expect(result.code, printed).toBe(0);
        }
        const seconds = ((Date.now() - began) / 1000).toFixed(1);
        process.stdout.write(`as ${user}: ${seconds} s\n${process.env.PGSITE_SHOW === undefined ? "" : printed}`);
        expect(printed).toMatch(/[│|] db2 +[│|] standby [│|] .* in recovery, read-only +[│|]/);
        expect(printed).toMatch(/Resources:\n {4}\d+ unchanged\n(?!.*to create)[^$]*$/);
        if (more !== "")
          expect(await site.net.host("db2").must(["pg_lsclusters", "-h"])).toMatch(
            /^15 +orders +5432 +online,recovery /,
          );
        // What takes root is said before the first up, and only where nobody can be root.
        const before = printed.slice(0, printed.indexOf("$ pulumi up"));
        expect(before.includes("takes root")).toBe(!canBeRoot);
      } finally {
        await site.remove();
      }
    },
  );
});
