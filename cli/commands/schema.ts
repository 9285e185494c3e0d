import { Command } from "commander";
import { stackFileJsonSchema } from "../../config/schema/json.js";
import { stackFileReference } from "../../config/schema/reference.js";

/** `pgsite schema`: what may stand in a stack file, for editors or for readers. */
export function schemaCommand(): Command {
  return new Command("schema")
    .description("print the JSON Schema of a stack file")
    .option("--markdown", "the same for readers")
    .action((options: { markdown?: boolean }) => {
      process.stdout.write(
        options.markdown === true ? stackFileReference() : `${JSON.stringify(stackFileJsonSchema(), undefined, 2)}\n`,
      );
    });
}
