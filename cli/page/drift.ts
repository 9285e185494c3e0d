import type { PageDifference, PageDrift } from "../../servers/page/model.js";
import { refusalInWords } from "../../servers/words/refusals.js";
import type { StackDrift } from "../commands/drift.js";

export const notAsked: PageDrift = { outcome: "not asked", differences: [], reasons: [], plan: [], refusals: [] };

/** What a preview found, as the page has it. */
export function pageDrift({ outcome, differences, reasons, plan, rollout }: StackDrift): PageDrift {
  const { refusals } = rollout;
  return {
    outcome,
    differences: differences.map(({ server, object, there, declared, consequence }): PageDifference => {
      return {
        ...(server === undefined ? {} : { server }),
        ...{ object, there },
        ...(declared === undefined ? {} : { declared }),
        consequence,
      };
    }),
    reasons,
    // Where it refuses there is no plan, and its lines say why.
    plan: refusals.length > 0 ? [] : plan,
    refusals: refusals.map(refusalInWords),
  };
}
