import { few, type Pieces } from "./pieces.js";
import type { SiteView } from "./sites.js";
import { count } from "./words.js";

/**
 * What is to be done first, in the words of the refusals and of the plan: where `pulumi up` would refuse, and where a server has a
 * problem and there is a plan.
 */
export function nextOf({ stacks }: SiteView): readonly Pieces[] {
  const several = stacks.length > 1;
  const lines = stacks.flatMap(({ data }): Pieces[] => {
    const where = several ? `${data.stack}: ` : "";
    const { refusals, plan } = data.drift;
    if (refusals.length > 0) return refusals.map((refusal) => [`${where}pulumi up would refuse: ${refusal}`]);
    const [first] = plan;
    if (first === undefined || !data.servers.some(({ problems }) => problems.length > 0)) return [];
    const others = plan.length === 1 ? "" : ` (and ${count(plan.length - 1, "further step")})`;
    return [[`${where}pulumi up, which begins with: ${first}${others}`]];
  });
  return few(lines, { go: "drift", text: "more under drift" }, 4);
}
