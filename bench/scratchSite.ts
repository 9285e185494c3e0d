import { writeFileSync } from "node:fs";
import { BackedUp } from "../test/support/backedUp.js";
async function main(): Promise<void> {
  const site = await BackedUp.make({ rows: 300 });
  const { code, stderr } = await site.backup();
  console.log(code, stderr, site.runs());
  await site.server.query("decam", "truncate telemetry.environment");
  await site.server.query("postgres", "drop database desbrdev");
  writeFileSync("/tmp/scratch.site", JSON.stringify({ control: site.control, folder: site.folder, data: site.server.data, sockets: site.server.sockets, port: site.server.port }));
  await new Promise((resolve) => { process.once("SIGTERM", resolve); setInterval(() => undefined, 1000); });
  await site.close();
  process.exit(0);
}
main().catch((error: unknown) => { console.error(error); process.exit(1); });
