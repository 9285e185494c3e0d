// Copied beside a plugin's bundle as main.js: runs the bundle from V8's compiled form, which takes a third off its start.
// The engine starts each plugin twice a preview, and waits for it. Without a compiled form, or with one that another Node
// made, the bundle is compiled as ever.
const fs = require("node:fs");
const { wrap } = require("node:module");
const { join } = require("node:path");
const { Script } = require("node:vm");

const bundle = join(__dirname, "bundle.js");
// V8 compares no more than a source's length: the name says which bundle it is of.
const { size, mtimeMs } = fs.statSync(bundle);
const compiled = join(__dirname, `bundle-${size}-${mtimeMs}.compiled`);

const cachedData = fs.existsSync(compiled) ? fs.readFileSync(compiled) : undefined;
const script = new Script(wrap(fs.readFileSync(bundle, "utf8")), { filename: bundle, cachedData });
script.runInThisContext()(exports, require, module, bundle, __dirname);

// The build asks for it, once the plugin has started: what ran by then is what is compiled.
if (process.env.PGSITE_COMPILE !== undefined) {
  setTimeout(() => {
    fs.writeFileSync(`${compiled}.new`, script.createCachedData());
    fs.renameSync(`${compiled}.new`, compiled);
    process.exit();
  }, 200);
}
