import { parseHba, validateHba } from "../../../postgres/files/hba/index.js";
import type { HbaRule } from "../../../postgres/files/hba/rule.js";
import type { Major } from "../../../postgres/versions.js";

/** What pgsite refuses and a server takes, with the reason. */
const refusedByPgsiteAlone: readonly (readonly [RegExp, string])[] = [
  [/a double quote is not closed/, "the server closes it at the line's end: the rest of the rule became a name"],
  [/in quotes .* is the name of a host/, "nobody means a host called all, samehost or samenet"],
  [/is an empty name/, "it never matches"],
  [/is no IP address$/, "10.0.0.300 and 1.2.3 are host names to the server, 010.0.0.1 an octal number"],
  [/is neither an address nor a host name/, "the server takes any text as a host name; the resolver will not"],
  [/"\+\d+" is no prefix length/, "strtol takes a sign"],
  [/^clientcert: "[^"]*" will not do; allowed: (?:0, )?1$/, "until 11 anything but 1 turned it off"],
  [/more than the 254 bytes/, "255 are read where no comma follows, 256 nowhere"],
  [/without its zone/, "the zone is not compared"],
  [/only an IP address without prefix length has one/, "54.254.185 means 54.254.0.185 to inet_aton"],
  [/is no network mask/, "a mask with holes, or one that only inet_aton takes: 1, 255.255"],
  [/a regular expression from 16 on, in quotes too/, "a name was meant, and others would match"],
  [/has a line break or NUL in it/, "a name with a carriage return in it"],
  [/bytes that are no UTF-8/, "a stack file is UTF-8: what these bytes mean, it cannot say"],
];

export function isRefusedByPgsiteAlone(messages: readonly string[]): boolean {
  const known = messages.every((message) => refusedByPgsiteAlone.some(([pattern]) => pattern.test(message)));
  return messages.length > 0 && known;
}

const facts = { sslOn: false, oauthValidators: ["validator"] };

/** What pgsite makes of one record of a file. */
export interface Verdict {
  readonly errors: readonly string[];
  readonly rule?: HbaRule;
}

/** What pgsite says of the records of a file, by their first lines, counted from 1; of includes nothing. */
export function verdictsOf(major: Major, text: string): ReadonlyMap<number, Verdict> {
  const { entries, problems } = parseHba(text, { major });
  const verdicts = new Map<number, Verdict>();
  for (const { line, rule } of entries) {
    if (rule === undefined) continue;
    const errors = validateHba(rule, major, "rule", facts).filter(({ severity }) => severity === "error");
    verdicts.set(line, { errors: errors.map(({ message }) => message), rule });
  }
  for (const { path, message } of problems) {
    const line = Number(path.replace("line ", ""));
    verdicts.set(line, { errors: [...(verdicts.get(line)?.errors ?? []), message] });
  }
  return verdicts;
}
