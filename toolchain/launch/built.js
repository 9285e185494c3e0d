// Pulumi.yaml names what is in this folder, which a clone has. What it starts is built: a clone that was not set up yet says so.
const { existsSync } = require("node:fs");
const { homedir } = require("node:os");
const { join } = require("node:path");

const checkout = join(__dirname, "..", "..");
const dist = join(checkout, "dist");

exports.checkout = checkout;

const setUp = `run \`npm run setup\` in ${checkout}`;
exports.notSetUp = `this checkout of pgsite is not set up yet: ${setUp}`;

exports.isBuilt = (name) => existsSync(join(dist, name));

/** What the file `name` under dist/ exports. */
exports.built = (name) => (exports.isBuilt(name) ? module.require(join(dist, name)) : refuse(exports.notSetUp));

/** The folders in which `command/pulumi-resource-command` looks. */
const pluginFolders = [
  join(process.env.PULUMI_HOME || join(homedir(), ".pulumi"), "plugins", "resource-command-v1.2.1"),
  join(dist, "command"),
];

/** Pulumi would tell of a plugin that does not start as of a bug in it. */
exports.needCommandPlugin = () => {
  if (pluginFolders.some((folder) => existsSync(join(folder, "pulumi-resource-command")))) return;
  refuse(`Pulumi's command plugin 1.2.1 is not here: ${setUp}`);
};

function refuse(what) {
  // Pulumi's runner shows such an error by its message alone.
  throw Object.assign(new Error(what), { __pulumiRunError: true, stack: "" });
}
