// The Pulumi program: `main` of Pulumi.yaml. Commands of an `up` run in this folder, because it is the program's.
const { built, needCommandPlugin } = require("./built.js");

module.exports = built("index.js");
needCommandPlugin();
