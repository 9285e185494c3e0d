import * as z from "zod";
import { stackSchema } from "../schema.js";

/** The JSON Schema of a whole stack file, for editors. */
export function stackFileJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(stackSchema, { io: "input", unrepresentable: "any", override: asWritten }) as {
    properties: Record<string, unknown>;
    required?: string[];
  };
  const prefixed = Object.entries(schema.properties).map(([key, value]) => [`pgsite:${key}`, oneTypeEach(value)]);
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

/** Numbers stand as text too: `pulumi config set` writes them so. */
function asWritten({
  zodSchema,
  jsonSchema,
}: {
  zodSchema: z.core.$ZodTypes;
  jsonSchema: z.core.JSONSchema.BaseSchema;
}) {
  const { def } = zodSchema._zod;
  if (def.type !== "number" || def.coerce !== true) return;
  const { description, default: usual, ...number } = jsonSchema;
  const text = { type: "string", pattern: number.type === "integer" ? "^-?[0-9]+$" : "^-?[0-9]+([.][0-9]+)?$" };
  for (const key of Object.keys(number)) delete jsonSchema[key];
  Object.assign(jsonSchema, { anyOf: [number, text] });
}

/** Validators that are strict take several types as several schemas alone. */
function oneTypeEach(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(oneTypeEach);
  if (node === null || typeof node !== "object") return node;
  const { type, ...rest } = Object.fromEntries(Object.entries(node).map(([key, value]) => [key, oneTypeEach(value)]));
  if (Array.isArray(type)) return { ...rest, anyOf: type.map((one) => ({ type: one })) };
  return type === undefined ? rest : { type, ...rest };
}
