#!/usr/bin/env node
// `npx pgsite`, and what the commands of an `up` run, as their texts have always had it: `node pgsite.js seed`.
const { built, isBuilt, notSetUp } = require("./built.js");

if (isBuilt("pgsite.js")) built("pgsite.js");
else {
  process.stderr.write(`pgsite: ${notSetUp}\n`);
  process.exitCode = 1;
}
