import type { Outdated } from "../../preflight/packages/updates.js";

/** `postgresql-15 15.18-0+deb12u1 → 15.20-0+deb12u1`: beside the resource, as what is there. */
export function updateInWords({ package: name, from, to, declared }: Outdated): string {
  const next = to === undefined ? "" : ` → ${to}`;
  return `${name} ${from}${next}${declared === undefined ? "" : `, declared ${declared}`}`;
}

/** What becomes of the packages of one host. @param why what keeps an `up` from installing them */
export function updatesInWords(
  host: string,
  list: readonly Outdated[],
  why?: "not asked" | "restarts by itself" | "nowhere",
): string {
  const what = list.map(updateInWords).join("; ");
  const names = list.map(({ package: name }) => name).join(" ");
  switch (why) {
    case undefined:
      return `${host}: an up installs ${what} (by its package sources as last read), and the rollout restarts the servers in their order`;
    case "not asked":
      return `${host}: its packages are older than declared: ${what}. apt-get install ${names} there and pulumi up, which restarts the servers in their order; or declare install: packages`;
    case "restarts by itself":
      return `${host}: ${what}. The package itself stops and starts the servers that the distribution's tools know, so that pgsite does not install it: apt-get install ${names} there by hand, the standbys' hosts first`;
    case "nowhere":
      return `${host}: ${what}. Its package sources as last read have no newer one: apt-get update, or other sources`;
  }
}

/** Of a host whose package manager cannot say what it has. */
export function silentInWords(host: string, words: string): string {
  return `${host}: what minor versions its packages have is not known: ${words}`;
}
