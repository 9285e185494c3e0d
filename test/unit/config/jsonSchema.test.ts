import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { committedStacks } from "../../../cli/rehearsal/rehearsal.js";
import { stackFileJsonSchema } from "../../../config/schema/json.js";
import { checkout } from "../../../toolchain/paths.mjs";

/* The schema for editors, as a validator that is strict takes it. */

const validate = new Ajv2020({ strict: true, allErrors: true }).compile(stackFileJsonSchema());
const fileOf = (stack: string) => parse(readFileSync(join(checkout, `Pulumi.${stack}.yaml`), "utf8"));
const wrongIn = (file: unknown) =>
  validate(file) ? [] : (validate.errors ?? []).map(({ instancePath }) => instancePath);

describe("the schema of stack files", () => {
  it.each(committedStacks)("takes the file of %s", (stack) => {
    expect(wrongIn(fileOf(stack))).toEqual([]);
  });

  it("takes what `pulumi config set` writes, and nothing that is no number", () => {
    const withPort = (port: unknown) => {
      const { config, ...rest } = fileOf("ctio");
      return { ...rest, config: { ...config, "pgsite:port": port } };
    };
    expect(wrongIn(withPort("5440"))).toEqual([]);
    expect(wrongIn(withPort(5440))).toEqual([]);
    expect(wrongIn(withPort("five"))).toContain("/config/pgsite:port");
    expect(wrongIn(withPort(70000))).toContain("/config/pgsite:port");
  });

  it("takes no key that there is not", () => {
    expect(wrongIn({ config: { ...fileOf("ctio").config, "pgsite:prot": 1 } })).toContain("/config");
  });
});
