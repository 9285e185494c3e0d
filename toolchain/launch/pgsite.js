// What the commands of an `up` run, as their texts have always had it: `node pgsite.js seed`.
require("./built.js").built("pgsite.js");
