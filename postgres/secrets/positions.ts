/**
 * Where secrets stand in what PostgreSQL reads and says, as data. The documents: "Parameter Key Words" (libpq),
 * "The pg_hba.conf File" with "LDAP Authentication" and "RADIUS Authentication", "ssl_passphrase_command",
 * "archive_command" and "restore_command" (shell commands, in which anything may stand).
 */

/** Parameters of a connection string that are secrets. `scram_*_key` serve as passwords. */
export const connectionSecrets = [
  "password",
  "sslpassword",
  "oauth_client_secret",
  "scram_client_key",
  "scram_server_key",
] as const;

/** Options of a rule in pg_hba.conf; `radiussecret` is 9.6's. */
export const accessSecrets = ["ldapbindpasswd", "radiussecret", "radiussecrets"] as const;

/** Settings whose whole value is one: the passphrase, or a command that says it (`echo …`). */
export const wholeSettings = ["ssl_passphrase_command"] as const;

/** A command that says nothing: a program alone, with or without the prompt that it gets. */
export const programAlone = /^\/[^\s'"]*(?:\s+(?:%p|'%p'|"%p"))?$/;

/** The last part of a name that calls its value a secret, of an extension's setting, a variable, an option. */
const secretWord =
  "(?:pass(?:word|wd|phrase)|[_-]pwd|secrets?|token|credentials?|(?:access|account|api|client|encryption|private|secret|server|shared|storage)[_-]?key)";

/** An extension's setting: `myextension.password`. */
export const secretCustom = new RegExp(`\\..*${secretWord}$`, "i");

/** Whether a setting's whole value is a secret. */
export function isSecretSetting(name: string): boolean {
  return wholeSettings.some((one) => one === name.toLowerCase()) || secretCustom.test(name);
}

/** What stands where `lead` ends, up to the end of a word as a shell or a connection string has it. */
export interface LedSecret {
  readonly lead: RegExp;
}

/** What is called `secret` in a match. */
export interface EnclosedSecret {
  readonly pattern: RegExp;
}

const connectionNames = connectionSecrets.join("|");

/** Secrets within any text: commands, comments, lines of logs. */
export const inText: readonly (LedSecret | EnclosedSecret)[] = [
  // PGPASSWORD=…, AWS_SECRET_ACCESS_KEY=…, password=… of a connection string.
  {
    lead: new RegExp(
      `(?<![\\w.-])[\\w.-]*(?:${connectionNames}|${accessSecrets.join("|")}|${secretWord})\\s*=\\s*`,
      "gi",
    ),
  },
  { lead: /(?<!\w)[A-Z][A-Z0-9_]*_KEY=/g },
  // --password …, --http-password=…; pgsite's own `config set --secret KEY` names a key.
  {
    lead: /(?<!\S)--?(?:[a-z0-9]+-)*(?:pass(?:word|wd|phrase)?|token|api-key|access-key|secret-key)(?:=|[ \t]+(?!-))/gi,
  },
  // curl -u USER:…, sshpass -p …, openssl -passin pass:…
  { lead: /(?<!\S)(?:-u|--(?:proxy-)?user)[ \t=]*["']?[^\s:'"/]+:/g },
  { lead: /\bsshpass[ \t]+-p[ \t]*/g },
  { lead: /(?<!\w)pass:(?=[^\s:])/g },
  { lead: /\b(?:Authorization|X-[\w-]*(?:Token|Key)):[ \t]*(?:(?:Basic|Bearer|Token)[ \t]+)?/gi },
  // scheme://USER:…@HOST, and a token alone where HTTP takes one.
  { pattern: /\b[a-z][a-z0-9+.-]{0,20}:\/\/[^\s/?#@:'"]*:(?<secret>[^\s/?#'"]+)(?=@)/dgi },
  { pattern: /\bhttps?:\/\/(?<secret>[^\s/?#@:'"]+)(?=@)/dgi },
  // SQL in a server's log.
  { pattern: /\bPASSWORD\s+E?'(?<secret>(?:[^']|'')*)/dgi },
  // Verifiers: before 10 an md5 one is as good as the password.
  { pattern: /(?<secret>SCRAM-SHA-256\$\d+:[\w+/=]+\$[\w+/=]+:[\w+/=]+)/dg },
  { pattern: /(?<!\w)(?<secret>md5[0-9a-f]{32})(?!\w)/dg },
];

/**
 * What a server quotes of its own files where it does not understand them (guc-file.l, hba.c, fe-connect.c,
 * run_ssl_passphrase_command): the rest of a password that should have stood in quotes, or the command that says one.
 */
export const inMessages: readonly EnclosedSecret[] = [
  { pattern: /missing "=" after "(?<secret>[^"]*)" in connection info string/dg },
  { pattern: /invalid connection option "(?<secret>[^"]*)"/dg },
  { pattern: /(?:URI query parameter|percent-encoded (?:token|value)): "(?<secret>[^"]*)"/dg },
  { pattern: /near token "(?<secret>[^"]*)"/dg },
  { pattern: /authentication option not in name=value format: (?<secret>.+)/dg },
  { pattern: /RADIUS secrets list "(?<secret>.*)"/dg },
  { pattern: /(?:(?:execute|from) )?command "(?<secret>.*)"(?=: | failed)/dg },
];
