import { isFound } from "../../postgres/differences.js";
import type { PageDifference, PageDrift } from "../../servers/page/model.js";
import { refusalInWords } from "../../servers/words/refusals.js";
import type { StackDrift } from "../drift/digest.js";

export const notAsked: PageDrift = { outcome: "not asked", differences: [], reasons: [], plan: [], refusals: [] };

/** What a preview found, as the page has it. */
export function pageDrift({ outcome, differences, reasons, plan, rollout }: StackDrift): PageDrift {
  const { refusals } = rollout;
  return {
    outcome,
    differences: differences.map(({ server, object, there, declared, consequence, facts }): PageDifference => {
      return {
        ...(server === undefined ? {} : { server }),
        ...{ object, there },
        ...(declared === undefined ? {} : { declared }),
        consequence,
        ...known(facts),
      };
    }),
    reasons,
    // Where it refuses there is no plan, and its lines say why.
    plan: refusals.length > 0 ? [] : plan,
    refusals: refusals.map(refusalInWords),
  };
}

type Facts = StackDrift["differences"][number]["facts"];

/** What the page decides by. What is missing has been declared, which its own column is to say. */
function known(facts: Facts): Pick<PageDifference, "setting" | "open" | "declared"> {
  if (facts === undefined) return {};
  const { object, there, declared } = facts;
  const isSetting = object.kind === "setting" || object.kind === "running setting";
  const isOpen = typeof there === "object" && there.is === "undeclared" && there.open;
  return {
    ...(isSetting ? { setting: object.name } : {}),
    ...(isOpen ? { open: true } : {}),
    ...(declared === undefined && isFound(there, "missing") ? { declared: "there" } : {}),
  };
}
