import * as z from "zod";
import { flag, pem, strict } from "./values.js";

const days = z.coerce.number().int().min(1).max(3650);

export const tls = strict({
  certificates: z
    .enum(["made", "given"])
    .describe(
      "made: by the stack, with an authority of its own; given: yours, as servers.NAME.certificate and the secret key-NAME",
    ),
  required: flag
    .default(true)
    .describe("false while a running site goes to TLS or away from it: servers offer it, nobody insists (docs/tls.md)"),
  authority: pem.optional().describe("given: PEM of the authority that signed the certificates; several in a row"),
  validityDays: days.default(365).describe("made: for how long a server's certificate is valid"),
  renewBeforeDays: days.default(30).describe("made: `up` renews it when it ends within so many days"),
}).refine(({ validityDays, renewBeforeDays }) => renewBeforeDays < validityDays, {
  path: ["renewBeforeDays"],
  error: "must be below validityDays: every up would renew",
});
