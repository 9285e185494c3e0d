import { describeUnlogged } from "../support/unlogged.js";

// The others: npm run proof -- unlogged
describeUnlogged("10", 240);
describeUnlogged("18", 241);
