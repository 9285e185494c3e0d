import type { HostFacts, Platform } from "../facts.js";
import type { Complaint } from "../finding.js";
import { familyOf } from "../packages/families.js";
import type { PreflightRequest } from "../request.js";

/** Locales whose order is the bytes' own, in every libc. */
const bytewise = /^(C|POSIX)$/;

/** The declared locales, on a host. */
export function checkLocales(request: PreflightRequest, host: HostFacts): Complaint[] {
  const { locales } = host;
  if (locales === undefined) return [];
  const known = new Set(locales.map(canonical));
  return request.locales
    .filter((name) => !bytewise.test(name) && !known.has(canonical(name)))
    .map((name) => ({
      check: "locale",
      severity: "error",
      path: `hosts.${host.host}`,
      cause: `the locale ${name} is not there`,
      remedy: `${familyOf(host)?.locale(name) ?? "generate it with localedef"}, or declare one of: ${some(locales)}`,
    }));
}

/** `en_US.UTF-8` and `en_US.utf8` are one locale. */
function canonical(name: string): string {
  const [, language = name, codeset, modifier = ""] = /^([^.@]+)(?:\.([^@]+))?(@.+)?$/.exec(name) ?? [];
  return `${language}${codeset === undefined ? "" : `.${codeset.toLowerCase().replaceAll("-", "")}`}${modifier}`;
}

function some(names: readonly string[]): string {
  const shown = names.slice(0, 8).join(", ");
  return names.length > 8 ? `${shown} …` : shown;
}

/** Whether a host can hold a copy of another's data, byte for byte, and read it the same. */
export function checkPlatform(request: PreflightRequest, host: HostFacts, other: HostFacts): Complaint[] {
  const [here, there] = [host.platform, other.platform];
  const path = `hosts.${host.host}`;
  if (architecture(here) !== architecture(there)) {
    return [
      {
        check: "platform",
        severity: "error",
        path,
        cause: `it is ${architecture(here)}, and ${other.host} is ${architecture(there)}: neither can be a standby of the other`,
        remedy: "use machines of one architecture, or logical replication",
      },
    ];
  }
  if (here.libc === there.libc || request.locales.every((name) => bytewise.test(name))) return [];
  return [
    {
      check: "platform",
      severity: "warning",
      path,
      cause: `it has ${here.libc}, and ${other.host} ${there.libc}: text may sort differently there, so that indexes on text are corrupt on one of them`,
      remedy: "bring both to one release of the system, or use the locale C",
    },
  ];
}

function architecture({ machine, wordBits, byteOrder }: Platform): string {
  return `${machine.replace(/^i[3-6]86$/, "i386")}, ${wordBits} bits, ${byteOrder}-endian`;
}
