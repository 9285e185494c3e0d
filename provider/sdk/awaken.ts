import * as pulumi from "@pulumi/pulumi";
import { awake } from "../protocol/functions.js";

/**
 * Has the engine start the provider now, while the program is still at its own work, and not when the first resource is
 * registered. Resolves once that is asked, not once it is done; whether the provider can start is the first resource's to say.
 */
export async function awaken(): Promise<void> {
  pulumi.runtime.invoke(awake, {}, { async: true }).catch(() => undefined);
  // The request leaves when the event loop comes round.
  await new Promise((resolve) => setImmediate(resolve));
}
