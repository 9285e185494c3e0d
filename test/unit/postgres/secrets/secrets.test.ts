import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseConninfo, renderConninfo } from "../../../../postgres/files/conninfo.js";
import { literalName, parseHba, renderHba } from "../../../../postgres/files/hba/index.js";
import { parseConfiguration, renderConfiguration } from "../../../../postgres/files/postgresqlConf.js";
import { mask, maskedFile, shownValue, unmasked, withoutSecrets } from "../../../../postgres/secrets/index.js";

const masked = (name: string, text: string) => maskedFile(name, text).text;

describe("secrets in files of settings", () => {
  test.each([
    [
      "primary_conninfo = 'host=a user=r password=canary port=1'",
      "primary_conninfo = 'host=a user=r password=******** port=1'",
    ],
    ["primary_conninfo='password=\\'ca na\\\\\\'ry\\' host=a'", "primary_conninfo='password=******** host=a'"],
    ["primary_conninfo='password=\\'ca na\\\\'ry\\' host=a'", "primary_conninfo='password=********"],
    [
      "primary_conninfo = 'host=a password=''ca nary'' sslpassword = canary'",
      "primary_conninfo = 'host=a password=******** sslpassword = ********'",
    ],
    ["primary_conninfo = 'password=ca nary host=a'", "primary_conninfo = 'password=******** host=a'"],
    [
      "primary_conninfo = 'postgresql://r:can%40ary@a:5432/x?sslmode=require'",
      "primary_conninfo = 'postgresql://r:********@a:5432/x?sslmode=require'",
    ],
    ["ssl_passphrase_command = 'echo canary'", "ssl_passphrase_command = '********'"],
    [
      "ssl_passphrase_command = '/usr/local/sbin/passphrase \"%p\"'",
      "ssl_passphrase_command = '/usr/local/sbin/passphrase \"%p\"'",
    ],
    ["ssl_passphrase_command_supports_reload = on", "ssl_passphrase_command_supports_reload = on"],
    ["password_encryption = 'scram-sha-256'", "password_encryption = 'scram-sha-256'"],
    [
      "archive_command = 'curl -sf -u backup:canary -T %p https://store/%f'",
      "archive_command = 'curl -sf -u backup:******** -T %p https://store/%f'",
    ],
    [
      "archive_command = 'curl -T %p https://backup:can:ary@store/%f'",
      "archive_command = 'curl -T %p https://backup:********@store/%f'",
    ],
    [
      "restore_command = 'PGPASSWORD=canary AWS_SECRET_ACCESS_KEY=\"can ary\" get %f %p'",
      "restore_command = 'PGPASSWORD=******** AWS_SECRET_ACCESS_KEY=******** get %f %p'",
    ],
    [
      "restore_command = 'get --password canary --token=canary %f'",
      "restore_command = 'get --password ******** --token=******** %f'",
    ],
    [
      'restore_command = \'psql "host=a password=canary" -c "select 1"\'',
      'restore_command = \'psql "host=a password=********" -c "select 1"\'',
    ],
    ["myext.password = 'canary'", "myext.password = '********'"],
    ["myext.conninfo = 'host=b password=canary'", "myext.conninfo = 'host=b password=********'"],
    ["myext.url = 'redis://:canary@b/0'", "myext.url = 'redis://:********@b/0'"],
    ["#primary_conninfo = 'host=a password=canary'", "#primary_conninfo = 'host=a password=********'"],
    ["# ssl_passphrase_command = 'echo canary'  # once", "# ssl_passphrase_command = '********'  # once"],
    ["port = 5432  # password=canary", "port = 5432  # password=********"],
    ["primary_conninfo = 'password=canary", "primary_conninfo = 'password=********"],
    ["ssl_passphrase_command = 'echo canary", "ssl_passphrase_command = '********"],
    [
      "# For a connection over SSL set ssl_key_file, the passfile and so on.",
      "# For a connection over SSL set ssl_key_file, the passfile and so on.",
    ],
    [
      "primary_conninfo = 'host=a passfile=/x/passfile sslmode=verify-full'",
      "primary_conninfo = 'host=a passfile=/x/passfile sslmode=verify-full'",
    ],
  ])("%s", (line, shown) => {
    expect(masked("postgresql.conf", `a = 1\n${line}\nb = 2`)).toBe(`a = 1\n${shown}\nb = 2`);
    expect(masked("recovery.conf", line)).toBe(shown);
  });
});

describe("secrets in pg_hba.conf", () => {
  const rule = "host all all 10.0.0.0/8 ldap ldapserver=ds";
  test.each([
    ["ldapbindpasswd=canary ldapport=389", "ldapbindpasswd=******** ldapport=389"],
    ['ldapbindpasswd="can ""ary" ldapport=389', "ldapbindpasswd=******** ldapport=389"],
    ['"ldapbindpasswd=can ary" ldapport=389', '"ldapbindpasswd=********" ldapport=389'],
    ["ldapbindpasswd=can ary ldapport=389 # x", "ldapbindpasswd=******** ldapport=389 # x"],
    ["ldapbindpasswd=can,ary,ldapport=389", "ldapbindpasswd=********,ldapport=389"],
    ['ldapbindpasswd="canary', 'ldapbindpasswd="********'],
    ['radiussecrets="""can ary"",""canary"""', "radiussecrets=********"],
    ["radiussecret=canary#canary", "radiussecret=********"],
    ['ldapurl="ldap://u:canary@h/dc=x"', 'ldapurl="ldap://u:********@h/dc=x"'],
  ])("%s", (options, shown) => {
    const file = (text: string) => `${rule} ${text}\n# ${rule} ${text}\nlocal all all peer\n`;
    expect(masked("pg_hba.conf", file(options))).toBe(file(shown));
  });

  test("a value that goes on in the next line", () =>
    expect(masked("pg_hba.conf", `${rule} ldapbindpasswd="can\\\nary"\nlocal all all peer`)).toBe(
      `${rule} ldapbindpasswd=********\nlocal all all peer`,
    ));
});

describe("secrets in what a server or a host says", () => {
  test.each([
    [
      'FATAL: could not connect: connection to "host=a password=canary user=r" failed',
      'FATAL: could not connect: connection to "host=a password=******** user=r" failed',
    ],
    [
      'invalid connection string syntax: missing "=" after "canary" in connection info string',
      'invalid connection string syntax: missing "=" after "********" in connection info string',
    ],
    [
      "DETAIL: The failed archive command was: curl -u b:canary https://b:canary@s/",
      "DETAIL: The failed archive command was: curl -u b:******** https://b:********@s/",
    ],
    ['FATAL: command "echo canary" failed: exit code 1', 'FATAL: command "********" failed: exit code 1'],
    [
      "pg_hba.conf line 7: authentication option not in name=value format: canary",
      "pg_hba.conf line 7: authentication option not in name=value format: ********",
    ],
    [
      "STATEMENT: ALTER ROLE x PASSWORD 'can''ary' VALID UNTIL 'x'",
      "STATEMENT: ALTER ROLE x PASSWORD '********' VALID UNTIL 'x'",
    ],
    ['FATAL: password authentication failed for user "x"', 'FATAL: password authentication failed for user "x"'],
    [
      "pulumi config set --secret password-replicator --stack x",
      "pulumi config set --secret password-replicator --stack x",
    ],
  ])("%s", (text, shown) => expect(withoutSecrets(text)).toBe(shown));

  test("a stranger's long line takes no time", () => {
    const began = Date.now();
    for (const part of ["token=", 'command "', "a.", "http://a:", "'\"", "--password ", "password='"])
      withoutSecrets(part.repeat(60_000));
    expect(Date.now() - began).toBeLessThan(6000);
  });
});

/** Texts with what the patterns look at in them. */
const text = fc
  .array(
    fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom(
        "password=",
        "ldapbindpasswd=",
        "primary_conninfo = '",
        "'",
        '"',
        "\\",
        "\n",
        "#",
        " ",
        "********",
        "*",
        "https://u:",
        "@",
        "x.secret = ",
        "--token ",
      ),
    ),
  )
  .map((parts) => parts.join(""));
/** What can stand in a quoted value of a file. */
const secret = fc.string({ unit: "grapheme", minLength: 1 }).filter((one) => !/[\0\r\n]|\*/.test(one));
const files = ["postgresql.conf", "postgresql.auto.conf", "recovery.conf", "pg_hba.conf"];

describe("masking", () => {
  test("is undone by what it took away, of any text; twice is once", () =>
    fc.assert(
      fc.property(text, fc.constantFrom(...files), (one, name) => {
        const { text: shown, secrets } = maskedFile(name, one);
        expect(unmasked(shown, secrets)).toBe(one);
        expect(maskedFile(name, shown).text).toBe(shown);
      }),
    ));

  test("leaves a file of settings that reads as the same, but for the secret", () =>
    fc.assert(
      fc.property(secret, fc.string(), (one, other) => {
        const conninfo = (password: string) => renderConninfo({ host: "a", password, user: "r", sslmode: "require" });
        const values = {
          port: "5432",
          primary_conninfo: conninfo(one),
          "x.password": one,
          application_name: other.replaceAll("\0", ""),
        };
        const shown = parseConfiguration(masked("postgresql.conf", renderConfiguration(values)));
        expect(shown.problems).toEqual([]);
        expect(parseConninfo(shown.values.primary_conninfo ?? "")).toEqual(parseConninfo(conninfo(mask)));
        expect(shown.values).toMatchObject({ port: "5432", "x.password": mask });
        expect(Object.keys(shown.values).sort()).toEqual(Object.keys(values).sort());
        expect(parseConninfo(shownValue("primary_conninfo", conninfo(one)))?.password).toBe(mask);
      }),
    ));

  test("leaves rules that read as the same, but for the secret", () =>
    fc.assert(
      fc.property(secret, (one) => {
        const rule = (value: string) => ({
          type: "host",
          databases: [literalName("science")],
          users: [literalName("reader")],
          address: "10.0.0.0/8",
          method: "ldap",
          options: [
            { name: "ldapserver", value: "ds" },
            { name: "ldapbindpasswd", value },
            { name: "ldapport", value: "389" },
          ],
        });
        expect(parseHba(masked("pg_hba.conf", renderHba([rule(one)]))).entries).toEqual([
          { line: 1, rule: rule(mask) },
        ]);
      }),
    ));
});
