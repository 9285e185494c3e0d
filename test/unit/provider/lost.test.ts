import { describe, expect, it } from "vitest";
import { lostIn } from "../../../provider/protocol/lostNames.js";

const configuration = (servers: unknown) => JSON.stringify({ servers: JSON.stringify(servers) });

describe("servers that are declared lost, as the plugin's launcher tells them", () => {
  it("are named with their hosts", () => {
    const servers = {
      server2: { lost: true, dataDirectory: "/data" },
      server3: { dataDirectory: "/lost" },
      des10: { host: "far-away", lost: "true" },
      des11: { lost: false },
    };
    expect(lostIn(configuration(servers))).toEqual(["server2@server2", "des10@far-away"]);
  });

  it.each([["{}"], [configuration(null)], [configuration("server2")], [JSON.stringify({ servers: "[" })]])(
    "are none in a configuration that has no servers: %s",
    (text) => {
      expect(lostIn(text)).toEqual([]);
    },
  );
});
