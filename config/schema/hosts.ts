import * as z from "zod";
import { absolutePath, address, strict } from "./values.js";

const container = strict({
  image: z
    .string()
    .regex(
      /^[a-z0-9][A-Za-z0-9_.:/@-]*$/,
      "an image is a name with its tag or digest, as docker pull takes it: postgres:15",
    )
    .max(255)
    .optional()
    .describe("The stack makes the container from this image, with a volume for the data and a network for the site"),
  name: z
    .string()
    .regex(
      /^[A-Za-z0-9][A-Za-z0-9_.-]+$/,
      "a container's name is of letters, digits, _, - and ., and begins with a letter or a digit",
    )
    .max(128)
    .optional()
    .describe("Its name in Docker (by default SITE-STACK-HOST); without image, a container that is there already"),
  volume: absolutePath
    .optional()
    .describe(
      "Folder in the container at which its volume is mounted (by default the one that the data directories lie in)",
    ),
})
  .refine(({ image, name }) => image !== undefined || name !== undefined, {
    path: ["name"],
    error: "name a container that is there, or give the image from which the stack makes one",
  })
  .refine(({ image, volume }) => image !== undefined || volume === undefined, {
    path: ["volume"],
    error: "a container that is there has its volumes already: take volume away, or name an image to make one from",
  })
  .describe("The host is a Docker container, reached by the Docker CLI");

export const host = z.union([
  address,
  strict({
    address: address.describe("An IP address, or from 9.1 a host name"),
    transport: z
      .enum(["ssh", "local"])
      .default("ssh")
      .describe("How pgsite reaches it: over SSH, or it is this machine; a container is reached by Docker"),
    ssh: z
      .string()
      .regex(
        /^[A-Za-z0-9_:][A-Za-z0-9_.:-]*$/,
        "a name of ~/.ssh/config, a host name or an IP address; the user is login:",
      )
      .max(255)
      .optional()
      .describe("What ssh is given: a name of ~/.ssh/config (by default the address)"),
    login: z
      .string()
      .regex(
        /^[A-Za-z0-9_][A-Za-z0-9_.@+-]*\$?$/,
        "a user's name begins with a letter, a digit or _, and has no space in it",
      )
      .max(255)
      .optional()
      .describe("Whom to log in as (by default what ~/.ssh/config says, or our own name)"),
    become: z
      .enum(["sudo", "su", "none"])
      .optional()
      .describe(
        "How the login user becomes osUser (by default by who one is there: osUser already, nothing; root, su; anybody else, sudo without a password)",
      ),
    sessions: z
      .enum(["direct"])
      .optional()
      .describe(
        "direct: SQL goes by TCP to the server's address, from the machine that runs pgsite; by default through SSH, to where the server listens on its host",
      ),
    container: container.optional(),
  }).superRefine(({ transport, container, ...reached }, context) => {
    if (container !== undefined && transport === "local") {
      const message =
        "says that the host is this machine, and container: that it is a container: take one of them away";
      context.addIssue({ code: "custom", path: ["transport"], message });
    } else if (container === undefined && transport === "ssh") return;
    const what =
      container === undefined ? "transport: local says that it is this machine" : "container: says that it is one";
    for (const key of ["ssh", "login", "become", "sessions"] as const) {
      if (reached[key] === undefined) continue;
      const message = `says how to reach a host over SSH, and ${what}: take one of them away`;
      context.addIssue({ code: "custom", path: [key], message });
    }
  }),
]);
