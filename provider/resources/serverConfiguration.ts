import { isDirect } from "../../hosts/host.js";
import { configurationFolder } from "../../postgres/files/places.js";
import type { Mended } from "../../postgres/lockedOut.js";
import { secretsInFile, secretsInValue } from "../../postgres/secrets/index.js";
import type { Major } from "../../postgres/versions.js";
import { declaredPermissions, shownHash } from "../../servers/data/staging.js";
import { declaredProgram } from "../../servers/process/program.js";
import type { ConfigurationArgs, ServerConfigurationState } from "../../servers/rollout/configuration.js";
import { noteDeclared } from "../../servers/rollout/declared.js";
import { messageOf } from "../../servers/rollout/reporter.js";
import { lookOfRefresh } from "../../servers/status/look.js";
import { isUpgraded } from "../../servers/upgrade/planned.js";
import type { ResourceType } from "../protocol/resource.js";
import { say } from "../protocol/say.js";
import { same } from "../protocol/wire.js";

/** Loaded when there is something to look at or to change. */
const acts = () => import("../../servers/rollout/configuration.js");

/**
 * The configuration of a server: its files, and what it runs with beside them. Where no server has been started on them they are written at once. Later they are staged:
 * the rollout, which alone knows the order, installs them. A file that must not be there shows in the difference as one
 * more file, with its content.
 */
export const serverConfiguration: ResourceType<ConfigurationArgs, ServerConfigurationState> = {
  token: "pgsite:index:ServerConfiguration",
  secrets: ["administratorPassword"],
  packed: ["host", "endpoint", "service"],
  ways: ["endpoint"],
  secretsAt: ([property, name, ...rest], text) => {
    if (property === "files" || property === "__ignored") return secretsInFile(`${name}`, text);
    return property === "runs" && rest[0] === "value" ? secretsInValue(`${name}`, text) : [];
  },

  id: (state) => `${state.site}/${state.server}`,

  async check(context, args, actual) {
    noteDeclared(args, args.files);
    const permissions = Object.fromEntries(
      Object.entries(args.files).map(([name, text]) => [name, declaredPermissions(args, name, text)]),
    );
    const declared = {
      ...(args.binDirectory === undefined ? {} : { program: declaredProgram(args.binDirectory) }),
      state: "running",
      permissions,
      runs: {},
      refused: [],
      unread: false,
      hash: shownHash(args.files),
    } as const;
    const ignored = actual?.__ignored;
    const state = { ...args, ...declared, ...(ignored === undefined ? {} : { __ignored: ignored }) };
    await refuseIfTaken(args, actual);
    // What was read is of the old version, and all of it comes with the upgrade.
    const compared = actual !== undefined && !isUpgraded(args);
    if (compared && (ignored !== undefined || !same(actual, state))) {
      const { configurationDifferences } = await import("../../postgres/files/differences.js");
      await say(context, configurationDifferences(args.server, args.version as Major, actual, state));
    }
    return { state };
  },

  async create(_context, state) {
    await (await acts()).bringConfiguration(state, "new");
    return state;
  },

  async read({ signal }, _id, known) {
    if (known === undefined) throw new Error("a server's configuration cannot be imported by its id");
    return (await acts()).observeConfiguration(await lookOfRefresh(known), known, signal);
  },

  async update(context, wanted, actual) {
    const { bringConfiguration, letIn } = await acts();
    // What a server refuses of the declared files, it refuses again; but not a file that it could not read.
    const isSame = same(actual.files, wanted.files) && same(actual.permissions, wanted.permissions);
    if (actual.refused.length > 0 && isSame) {
      const { notTakenInWords } = await import("../../servers/words/notTaken.js");
      throw new Error(notTakenInWords(wanted.server, actual.refused));
    }
    await bringConfiguration(wanted, wanted.incarnation !== actual.incarnation ? "again" : "kept");
    // Before anything of the same run wants a session. Rules in force know nothing of another administrator.
    if (actual.lockedOut !== undefined || actual.administrator !== wanted.administrator) {
      const { mendedInWords } = await import("../../servers/words/lockedOut.js");
      const report = (mended: Mended) => context.log("info", mendedInWords(wanted.server, mended));
      await letIn(wanted, report, context.signal);
    }
    return wanted;
  },

  async delete(context, state) {
    const where = `${configurationFolder(state)} on ${state.host.name}`;
    try {
      await (await acts()).dropStaged(state);
    } catch (error) {
      await context.log("warning", `${messageOf(error)}. What was staged for ${state.server} may still be there`);
    }
    await context.log("info", `left the configuration files of ${state.server} in ${where}`);
  },
};

/**
 * Asked where the rules, or who comes by them, are to be others than they are: an unchanged preview asks nothing.
 * @throws where pgsite would be kept out
 */
async function refuseIfTaken(args: ConfigurationArgs, actual: ServerConfigurationState | undefined): Promise<void> {
  const rules = args.files["pg_hba.conf"];
  const { server, endpoint: address, administrator, administratorPassword: password = "" } = args;
  if (address?.host === undefined || rules === undefined || administrator === undefined) return;
  const before = actual?.administrator ?? administrator;
  const isSame = actual?.files["pg_hba.conf"] === rules || !isDirect(address.host);
  if (isSame && before === administrator) return;
  const [{ wayTaken }, { wayTakenInWords }] = await Promise.all([
    import("../../servers/unlock/taken.js"),
    import("../../servers/words/wayTaken.js"),
  ]);
  const taken = await wayTaken(
    { server, version: args.version as Major, address, rules, login: { user: administrator, password } },
    actual?.endpoint ?? address,
    { user: before, password: actual?.administratorPassword ?? password },
  );
  if (taken !== undefined) throw new Error(wayTakenInWords(taken));
}
