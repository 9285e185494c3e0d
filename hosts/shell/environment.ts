/**
 * What the program that connects us gets of our environment. It may outlive us for a while: Pulumi's passphrase and the like
 * are not for it. Its messages are to be English.
 */
export function environment(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !/^(PULUMI_|PG|LC_|LANG)/.test(name));
  return { ...Object.fromEntries(own), LC_ALL: "C" };
}
