import { error } from "../../postgres/problem.js";
import type { Context } from "../../servers/rollout/reporter.js";
import type { ResourceType } from "../protocol/resource.js";

export interface AuthorityArgs {
  readonly site: string;
  readonly stack: string;
}

export interface AuthorityState extends AuthorityArgs {
  /** PEM. */
  readonly certificate: string;
  /** PEM of its private key: what it signs, every server of the site is taken for. */
  readonly key: string;
}

const years = 20;

/** The authority of a stack that makes its own certificates: made once, and kept in the stack's state alone. */
export const authority: ResourceType<AuthorityArgs, AuthorityState> = {
  token: "pgsite:index:Authority",
  secrets: ["key"],

  id: ({ site, stack }) => `${site}/authority:${stack}`,

  async check(context, args, actual) {
    const { certificate, key } = actual ?? (await make(args));
    const problems = await judged(context, certificate);
    return { state: { ...args, certificate, key }, problems };
  },

  create: async (_context, state) => state,

  async read(_context, _id, known) {
    if (known === undefined)
      throw new Error("an authority cannot be imported: give your certificates (tls.certificates)");
    return known;
  },

  update: async (_context, wanted) => wanted,

  async delete(context, { site }) {
    await context.log(
      "info",
      `the key of the authority of ${site} is gone with the stack's state: nothing new is signed by it`,
    );
  },
};

async function make({ site, stack }: AuthorityArgs) {
  const { makeAuthority } = await import("../../postgres/certificates/make.js");
  return makeAuthority({ name: `pgsite ${site} (${stack})`, validityDays: years * 365, now: new Date() });
}

/** Nothing replaces it by itself: whoever verifies servers by it has a copy. */
async function judged(context: Context, certificate: string) {
  const { certificatesIn, dayOf, validityOf } = await import("../../postgres/certificates/judge.js");
  const [own] = certificatesIn(certificate);
  if (own === undefined) return [error("certificate", "the stack's state has no authority in it")];
  const { to } = validityOf(own);
  if (to.getTime() - Date.now() < 365 * 86_400_000) {
    await context.log(
      "warning",
      `the authority of the stack ends on ${dayOf(to)}: go over to a new one before (docs/tls.md)`,
    );
  }
  return [];
}
