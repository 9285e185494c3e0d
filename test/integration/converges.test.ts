import { describeConvergence } from "../support/convergenceRows.js";

describeConvergence("15", 138);
