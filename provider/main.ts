import { serve } from "./server.js";
import { resourceTypes } from "./types.js";
import { warmUp } from "./warmUp.js";

const [engineAddress] = process.argv.slice(2).filter((argument) => !argument.startsWith("-"));
serve(resourceTypes, engineAddress, warmUp).catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
