import { Command } from "commander";
import { stackFileReference } from "../../config/reference.js";
import { stackFileJsonSchema } from "../../config/schema.js";

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
