import { until } from "./processes.js";
import type { RemoteSite } from "./remoteSite.js";

/** Cuts the power of the primary's host while somebody writes to it. @returns rows whose commit was acknowledged, in order */
export async function cutUnder(hosts: RemoteSite, primary: string): Promise<readonly number[]> {
  const acknowledged: number[] = [];
  let isOn = true;
  const writing = (async () => {
    for (let n = 1; isOn; n++) {
      await hosts.query(primary, `insert into written values (${n})`).then(
        () => acknowledged.push(n),
        () => undefined,
      );
    }
  })();
  await until("rows that were acknowledged", () => acknowledged.length > 20, 30);
  await hosts.host(primary).powerCut();
  isOn = false;
  await writing;
  return acknowledged;
}
