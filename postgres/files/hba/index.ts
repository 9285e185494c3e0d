export { staysHere } from "./addresses.js";
export { type Admission, admits, type Means } from "./admits.js";
export { type Asks, asksOf, asksOfMethod, sortedAsks } from "./asks.js";
export { type HbaEntry, parseHba, parseHbaLine } from "./parse.js";
export { renderHba, renderHbaLine } from "./render.js";
export { type HbaName, type HbaOption, type HbaRule, literalName } from "./rule.js";
export { type Asking, type Unasked, unaskedAmong } from "./unasked.js";
export { type HbaFacts, validateHba } from "./validate.js";
export { closedTypes } from "./versions.js";
