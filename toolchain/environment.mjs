// The environment in which Pulumi, and what it starts, runs.
import { delimiter, dirname } from "node:path";
import { usersPulumiHome } from "./plugins.mjs";
import { pulumiFolder } from "./pulumi.mjs";
import { othersEnvironment } from "./steps.mjs";

/**
 * The user's environment with Pulumi on PATH, and none of their own Pulumi settings: a rehearsal must not end up in
 * their account or state because PULUMI_BACKEND_URL or PULUMI_STACK happens to be set.
 */
export async function toolchainEnvironment({ home, state, passphrase } = {}) {
  const path = [await pulumiFolder(), process.env.PATH ?? "", dirname(process.execPath)];
  return {
    ...othersEnvironment(),
    // The official plugins that they have installed are used all the same. Not PGSITE_…: those are told to a site's own command.
    USERS_PULUMI_HOME: usersPulumiHome(),
    PATH: path.filter((part) => part !== "").join(delimiter),
    PULUMI_SKIP_UPDATE_CHECK: "true",
    PULUMI_AUTOMATION_API_SKIP_VERSION_CHECK: "true",
    PULUMI_DIY_BACKEND_NO_LEGACY_WARNING: "true",
    PULUMI_SUPPRESS_NEO_LINK: "true",
    // Everything that is needed lies in the home: a plugin that does not is an error, not a download.
    ...(home === undefined ? {} : { PULUMI_HOME: home, PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true" }),
    // Without files of metadata beside the state: a pulumi that is killed while it writes one leaves it empty, and none reads the
    // state after that ("failed to load checkpoint: EOF").
    ...(state === undefined ? {} : { PULUMI_BACKEND_URL: `file://${state}?metadata=skip` }),
    ...(passphrase === undefined ? {} : { PULUMI_CONFIG_PASSPHRASE: passphrase }),
  };
}
