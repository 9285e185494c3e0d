import * as pulumi from "@pulumi/pulumi";
import { Site } from "./components/site.js";
import { passwordKey } from "./config/parse.js";
import { resolveStack } from "./config/resolve.js";
import { serveHandover } from "./handover/serve.js";

const name = pulumi.getStack();
const { stack, problems } = resolveStack(name, pulumi.runtime.allConfig());

for (const { path, message, severity } of problems) {
  if (severity === "warning") void pulumi.log.warn(`${path}: ${message}`);
}
if (stack !== undefined && stack.notes.length > 0) {
  const list = stack.notes.map(({ path, message }) => `\n  ${path}: ${message}`).join("");
  void pulumi.log.info(`translated to PostgreSQL ${stack.site.version}:${list}`);
}
const errors = problems.filter(({ severity }) => severity === "error");
if (stack === undefined || errors.length > 0) {
  const list = errors.map(({ path, message }) => `\n  ${path}: ${message}`).join("");
  throw new pulumi.RunError(
    `${errors.length} ${errors.length === 1 ? "problem" : "problems"} in Pulumi.${name}.yaml; nothing was touched:${list}\n`,
  );
}

const config = new pulumi.Config();
const passwordOf = (role: string) => config.getSecret(passwordKey(role));

if (!pulumi.runtime.isDryRun()) {
  const { administrator, replicationRole } = stack.site;
  const passwords = pulumi.all({
    [administrator]: passwordOf(administrator),
    [replicationRole]: passwordOf(replicationRole),
  });
  const handover = new Promise<Record<string, string>>((resolve) =>
    passwords.apply((known) => resolve(known as Record<string, string>)),
  );
  serveHandover(
    name,
    handover.then((known) => ({ site: stack.site, passwords: known })),
  );
}

new Site(stack.site.name, { stack, passwordOf });

/** Where the servers of this stack are, for other stacks and for clients. Holds no secret. */
export const servers = Object.fromEntries(
  stack.site.servers.map(({ name, role, address, port, dataDirectory }) => [
    name,
    { role, address, port, dataDirectory },
  ]),
);
export const primary = stack.site.primary;
