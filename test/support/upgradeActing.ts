/* A process that upgrades, so that it can be killed: `node upgradeActing.js FILE`, where FILE has args, plan and facts. */
import { readFileSync } from "node:fs";
import type { Context } from "../../servers/rollout/reporter.js";
import { upgrade } from "../../servers/upgrade/upgrade.js";

const { args, plan, facts } = JSON.parse(readFileSync(process.argv[2] as string, "utf8"));
const context: Context = {
  name: "test",
  signal: new AbortController().signal,
  isSecret: () => false,
  log: async (severity, message) => console.log(`${severity}: ${message}`),
  report: async () => undefined,
  progress: async (message) => console.log(message),
};
upgrade(context, args, plan, facts).then(
  ({ phase }) => {
    console.log(`reached ${phase}`);
    process.exit(0);
  },
  (error: Error) => {
    console.error(error.message);
    process.exit(1);
  },
);
