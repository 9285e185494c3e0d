/** The version of the official plugin that this one stands in for. */
export const version = "1.2.1";

const string = { type: "string" };
const strings = { type: "array", items: string };

const inputs = {
  addPreviousOutputInEnv: { type: "boolean" },
  archivePaths: strings,
  assetPaths: strings,
  dir: string,
  environment: { type: "object", additionalProperties: string },
  interpreter: strings,
  logging: { $ref: "#/types/command:local:Logging" },
  stdin: string,
};

const outputs = {
  archive: { $ref: "pulumi.json#/Archive" },
  assets: { type: "object", additionalProperties: { $ref: "pulumi.json#/Asset" } },
  stderr: string,
  stdout: string,
};

const resourceInputs = {
  ...inputs,
  create: string,
  delete: string,
  triggers: { type: "array", items: { $ref: "pulumi.json#/Any" }, replaceOnChanges: true },
  update: string,
};

const functionInputs = { ...inputs, command: string };

/** The Pulumi package schema of what is served: the official one's part on local commands. */
export const schema = {
  name: "command",
  version,
  types: {
    "command:local:Logging": {
      type: "string",
      enum: ["stdout", "stderr", "stdoutAndStderr", "none"].map((value) => ({ value })),
    },
  },
  provider: {},
  resources: {
    "command:local:Command": {
      inputProperties: resourceInputs,
      properties: { ...resourceInputs, ...outputs },
      required: ["stderr", "stdout"],
    },
  },
  functions: {
    "command:local:run": {
      inputs: { type: "object", properties: functionInputs, required: ["command"] },
      outputs: {
        type: "object",
        properties: { ...functionInputs, ...outputs },
        required: ["command", "stderr", "stdout"],
      },
    },
  },
};
