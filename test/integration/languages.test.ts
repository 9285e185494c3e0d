import { describe } from "vitest";
import { languages, whyEnglishAlone } from "../support/languages.js";
import { livesIn } from "../support/lifeAbroad.js";

const why = whyEnglishAlone();

/** With more of it, German, and the real Pulumi: test/proof/languages.proof.ts. */
describe.skipIf(why !== undefined)(`servers that speak French${why ? ` (${why})` : ""}`, { timeout: 60_000 }, () => {
  livesIn(languages.french, { block: 228 });
});
