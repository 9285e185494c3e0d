import { serve } from "./protocol/serve.js";
import { warmUp } from "./protocol/warmUp.js";
import { resourceTypes } from "./resources/index.js";

const [engineAddress] = process.argv.slice(2).filter((argument) => !argument.startsWith("-"));
serve(resourceTypes, engineAddress, warmUp).catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
