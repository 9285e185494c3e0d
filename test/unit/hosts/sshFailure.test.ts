import { expect, it } from "vitest";
import { unreachable } from "../../../hosts/ssh/failure.js";

const spec = { name: "db1", transport: "ssh", address: "192.0.2.7", user: "postgres" } as const;

/** As OpenSSH says that there is no route, by when it learns of it. */
it.each([
  "ssh: connect to host 192.0.2.7 port 22: No route to host",
  "banner exchange: Connection to UNKNOWN port -1: No route to host",
  "banner exchange: Connection to UNKNOWN port 65535: No route to host",
])("a host without a route is said so: %s", (said) => {
  expect(unreachable(spec, said).reason).toBe("there is no way to 192.0.2.7 from this machine (no route to host)");
});
