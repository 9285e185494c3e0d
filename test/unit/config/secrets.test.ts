import { describe, expect, test } from "vitest";
import { resolveStack } from "../../../config/resolve.js";
import { maskedSecrets, type SecretKeys, secretPath, secretPlaces, secretsInClear } from "../../../config/secrets.js";

const keys = {
  settings: { ssl_passphrase_command: "echo canary", work_mem: "4MB", max_connections: 10, "myext.password": "canary" },
  access: [
    "host all all samenet md5",
    'host all all samenet ldap ldapserver=d ldapbindpasswd="ca nary"',
    { method: "radius", options: { radiusservers: "r", radiussecrets: "canary" } },
  ],
  servers: { server2: { settings: { archive_command: "cp %p https://u:canary@h/%f" }, access: [] } },
  roles: {
    reader: { settings: { "x.token": "canary" }, databaseSettings: { science: { "x.dsn": "password=canary" } } },
  },
  databases: { science: { settings: { search_path: "a" } } },
  archiving: { archiveCommand: "AWS_SECRET_ACCESS_KEY=canary put %p" },
  hooks: { fence: "ipmi -P x --password canary off" },
  clients: { hook: "curl -u a:canary https://h/" },
} as unknown as SecretKeys;

describe("secrets in a stack file", () => {
  test("are found at every place that may hold one, and are masked", () => {
    expect(secretPlaces(keys).map(({ path, shown }) => `${secretPath(path)}: ${shown}`)).toEqual([
      "settings.ssl_passphrase_command: ********",
      'settings["myext.password"]: ********',
      "access[1]: host all all samenet ldap ldapserver=d ldapbindpasswd=********",
      "access[2].options.radiussecrets: ********",
      "servers.server2.settings.archive_command: cp %p https://u:********@h/%f",
      'roles.reader.settings["x.token"]: ********',
      'roles.reader.databaseSettings.science["x.dsn"]: password=********',
      "archiving.archiveCommand: AWS_SECRET_ACCESS_KEY=******** put %p",
      "hooks.fence: ipmi -P x --password ******** off",
      "clients.hook: curl -u a:******** https://h/",
    ]);
  });

  test("are warned of where Pulumi encrypts nothing of their key, and never quoted", () => {
    const found = secretsInClear(keys, ["pgsite:settings", "pgsite:roles", "pgsite:servers", "pgsite:hooks"]);
    expect(found.map(({ path }) => path)).toEqual([
      "access[1]",
      "access[2].options.radiussecrets",
      "archiving.archiveCommand",
      "clients.hook",
    ]);
    expect(JSON.stringify(found)).not.toContain("nary");
    expect(found[0]).toEqual({
      severity: "warning",
      path: "access[1]",
      message:
        "may hold a secret, and stands in clear in the stack file: pulumi config set --secret --path 'access[1]' encrypts it",
    });
  });

  test("a mask in their place is refused: it would be the new password", () => {
    const { settings } = { settings: { ssl_passphrase_command: "********" } };
    expect(maskedSecrets({ settings })).toEqual([
      {
        severity: "error",
        path: "settings.ssl_passphrase_command",
        message:
          "has ******** where a secret belongs: pulumi config set --secret --path 'settings.ssl_passphrase_command' sets all of it",
      },
    ]);
    const { problems } = resolveStack("x", {
      "pgsite:site": "s",
      "pgsite:postgresql": "15",
      "pgsite:hosts": '{"a":"10.0.0.1"}',
      "pgsite:primary": "a",
      "pgsite:servers": '{"a":{"dataDirectory":"/d"}}',
      "pgsite:settings": JSON.stringify(settings),
    });
    expect(problems.map(({ path }) => path)).toContain("settings.ssl_passphrase_command");
  });
});
