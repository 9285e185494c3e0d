import { describe, expect, it } from "vitest";
import { besideOptions } from "../../../postgres/beside.js";
import { findSetting } from "../../../postgres/settings/catalogue.js";
import { majors } from "../../../postgres/versions.js";

describe("a server that looks into kept data", () => {
  const optionsOf = (text: string) =>
    [...text.matchAll(/-c (\w+)='([^']*)'/g)].map(([, name = "", value = ""]) => [name, value] as const);

  it.each(majors)("is started at %s with settings that this version knows", (major) => {
    const options = optionsOf(besideOptions(major, "/look"));
    const unknown = options.filter(
      ([name]) => findSetting(major, name) === undefined && !/_(file|directory)$/.test(name),
    );
    expect(unknown).toEqual([]);
    expect(options.length).toBeGreaterThan(12);
  });

  it("writes, listens and archives nowhere but in the copy", () => {
    const options = Object.fromEntries(optionsOf(besideOptions("15", "/look")));
    expect(options).toMatchObject({
      data_directory: "/look",
      unix_socket_directories: "/look",
      listen_addresses: "",
      archive_mode: "off",
      logging_collector: "off",
      max_logical_replication_workers: "0",
    });
    expect(options).not.toHaveProperty("stats_temp_directory");
    expect(besideOptions("14", "/look")).toContain("stats_temp_directory='pg_stat_tmp'");
  });
});
