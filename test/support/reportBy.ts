import type { Context } from "../../servers/rollout/reporter.js";
import { findingWords } from "../../servers/words/findings.js";

/** Says findings by a test's own `log`, in the words that a preview has for them. */
export function reportBy(log: Context["log"]): Context["report"] {
  return (finding) => {
    const { severity, message } = findingWords(finding);
    return log(severity, message);
  };
}
