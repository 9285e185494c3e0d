import { availableMajors } from "../support/programs.js";
import { describeUnlogged } from "../support/unlogged.js";

// 10 and 18 are part of every run.
for (const [index, major] of availableMajors().entries()) {
  if (major !== "10" && major !== "18") describeUnlogged(major, 242 + index);
}
