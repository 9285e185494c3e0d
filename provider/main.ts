import { serve } from "./server.js";
import { resourceTypes } from "./types.js";

const [engineAddress] = process.argv.slice(2).filter((argument) => !argument.startsWith("-"));
serve(resourceTypes, engineAddress).catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
