import * as z from "zod";
import { stackSchema } from "../schema.js";

/** The JSON Schema of a whole stack file, for editors. */
export function stackFileJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(stackSchema, { io: "input", unrepresentable: "any" }) as {
    properties: Record<string, unknown>;
    required?: string[];
  };
  const prefixed = Object.entries(schema.properties).map(([key, value]) => [`pgsite:${key}`, value]);
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "A pgsite stack file, Pulumi.STACK.yaml",
    type: "object",
    properties: {
      encryptionsalt: { type: "string" },
      secretsprovider: { type: "string" },
      encryptedkey: { type: "string" },
      environment: {},
      config: {
        type: "object",
        properties: Object.fromEntries(prefixed),
        patternProperties: {
          "^pgsite:password-.+$": {
            type: "object",
            description: "A role's password: pulumi config set --secret password-ROLE",
            properties: { secure: { type: "string" } },
            required: ["secure"],
          },
          "^pgsite:key-.+$": {
            type: "object",
            description: "A server's private key in PEM: pulumi config set --secret key-SERVER <FILE",
            properties: { secure: { type: "string" } },
            required: ["secure"],
          },
          "^(?!pgsite:)": {},
        },
        additionalProperties: false,
        required: (schema.required ?? []).map((key) => `pgsite:${key}`),
      },
    },
    required: ["config"],
  };
}
