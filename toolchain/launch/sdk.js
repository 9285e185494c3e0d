// What Pulumi's language host starts for `@pulumi/pulumi/cmd/run`: package.json beside it says so, to whoever asks from this
// folder. It is the SDK's own, if that is installed. If it is not, the host's words would lead nobody on.
const { createRequire } = require("node:module");
const { join } = require("node:path");
const { checkout, notSetUp } = require("./built.js");

const fromCheckout = createRequire(join(checkout, "package.json"));

/** The path of the SDK's own, or undefined. */
function installed() {
  try {
    return fromCheckout.resolve("@pulumi/pulumi/cmd/run");
  } catch {
    return undefined;
  }
}

const sdk = installed();
if (sdk === undefined) {
  process.stderr.write(`${notSetUp}\n`);
  // The host adds nothing to what was said by whoever ends so.
  process.exitCode = 32;
} else fromCheckout(sdk);
