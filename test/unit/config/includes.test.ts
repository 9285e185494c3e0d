import { describe, expect, it } from "vitest";
import { spread } from "../../../config/includes.js";
import { filedSettings } from "../../../postgres/files/facts.js";

describe("included files", () => {
  it("hold each setting once, and postgresql.conf the rest", () => {
    const files = { "conf.d/memory.conf": ["Work_Mem", "shared_buffers"] };
    const settings = { work_mem: "8MB", port: "5432" };
    expect(spread("15", settings, [{ path: "includes", files }])).toEqual({
      main: { port: "5432" },
      included: { "conf.d/memory.conf": { work_mem: "8MB" } },
      problems: [],
    });
  });

  it("refuse a setting that stands in two, and one that there is not", () => {
    const files = { "a.conf": ["work_mem", "work_men"], "b.conf": ["work_mem"] };
    const { problems } = spread("15", { work_mem: "8MB" }, [{ path: "includes", files }]);
    expect(problems.map(({ path, message }) => `${path}: ${message}`)).toEqual([
      "includes.a.conf: PostgreSQL 15 has no setting work_men; do you mean work_mem?",
      "includes.b.conf: work_mem stands in a.conf already: a setting stands in one file",
    ]);
  });

  it("are read in their place: the last line wins", () => {
    const texts = {
      "postgresql.conf": "work_mem = 1MB\ninclude = 'conf.d/a.conf'\nport = 5433\n",
      "conf.d/a.conf": "\nwork_mem = 2MB\nport = 1\n",
    };
    expect(filedSettings(texts).get("work_mem")).toEqual({
      name: "work_mem",
      value: "2MB",
      file: "conf.d/a.conf",
      line: 2,
    });
    expect(filedSettings(texts).get("port")?.value).toBe("5433");
  });
});
