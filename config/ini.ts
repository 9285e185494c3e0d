/*
 * Files of a program's own, in the form that PHP's parse_ini_file reads, and most others that take ini. What a reader may take
 * for something else than its own letters stands in quotes: a password may be `yes`, or have a `;` or a `$` in it.
 */

/** A value in quotes; undefined where no quotes keep it what it is. */
function quoted(value: string): string | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a line break would begin another line
  if (/[\x00-\x1f\x7f]/.test(value)) return undefined;
  // In double quotes PHP takes a backslash, and ${NAME}, for more than they are.
  if (!/["\\$]/.test(value)) return `"${value}"`;
  return value.includes("'") ? undefined : `'${value}'`;
}

/**
 * The same without quotes, which Python's configparser would take for a part of the value. A percent sign means one thing to its
 * ConfigParser and another to its RawConfigParser; a comment begins within a line until 3.2.
 */
function bare(value: string): string | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a line break would begin another line
  return /[\x00-\x1f\x7f%]|^\s|\s$|(^|\s)[;#]/.test(value) ? undefined : value;
}

/** Whether a value comes out of the file as it went in. */
export function canBeInIni(value: string, quotes = true): boolean {
  return (quotes ? quoted(value) : bare(value)) !== undefined;
}

/** @throws where a value cannot stand there; it may be a secret, and is not named */
export function renderIni(
  heading: readonly string[],
  section: string | undefined,
  values: Readonly<Record<string, string>>,
  quotes = true,
): string {
  const lines = Object.entries(values).map(([name, value]) => {
    const text = quotes ? quoted(value) : bare(value);
    if (text === undefined) throw new Error(`${name} cannot stand in an ini file as it is`);
    return `${name} = ${text}`;
  });
  return `${[...heading.map((line) => `; ${line}`), ...(section === undefined ? [] : [`[${section}]`]), ...lines].join("\n")}\n`;
}
