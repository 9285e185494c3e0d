// Placed under the name of a bundle's outcome: runs the bundle beside it from V8's compiled form, which takes a third off
// the start of a plugin. The engine starts each plugin twice a preview, and waits for it. Without a compiled form, or with
// one that another Node made, the bundle is compiled as ever.
const fs = require("node:fs");
const { wrap } = require("node:module");
const { Script } = require("node:vm");

const bundle = __filename.replace(/\.js$/, ".bundle.js");
// V8 compares no more than a source's length: the name says which bundle it is of.
const { size, mtimeMs } = fs.statSync(bundle);
const compiled = bundle.replace(/\.js$/, `-${size}-${mtimeMs}.compiled`);

const cachedData = fs.existsSync(compiled) ? fs.readFileSync(compiled) : undefined;
// What esbuild writes is ASCII, which needs no decoding.
const script = new Script(wrap(fs.readFileSync(bundle, "latin1")), { filename: bundle, cachedData });

// The build asks for it: what ran by the end is what is compiled. A plugin would not end by itself.
if (process.env.PGSITE_COMPILE !== undefined) {
  process.on("exit", () => {
    fs.writeFileSync(`${compiled}.new`, script.createCachedData());
    fs.renameSync(`${compiled}.new`, compiled);
  });
  setTimeout(() => process.exit(), 500);
}

script.runInThisContext()(exports, require, module, bundle, __dirname);
