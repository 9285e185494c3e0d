/** The major versions that pgsite knows, oldest first. Everything that depends on the version is a table keyed by these. */
export const majors = [
  "9.0",
  "9.1",
  "9.2",
  "9.3",
  "9.4",
  "9.5",
  "9.6",
  "10",
  "11",
  "12",
  "13",
  "14",
  "15",
  "16",
  "17",
  "18",
] as const;

export type Major = (typeof majors)[number];

/** True where `major` is `than` or newer. */
export function atLeast(major: Major, than: Major): boolean {
  return majors.indexOf(major) >= majors.indexOf(than);
}

/** The major version of a version as people and servers write it (`9.0.3`, `15.18`, `17`), or undefined where it is not known. */
export function majorOf(version: string): Major | undefined {
  const match = /^(\d+)(?:\.(\d+))?/.exec(version.trim());
  if (match === null) return undefined;
  const text = Number(match[1]) >= 10 ? `${match[1]}` : `${match[1]}.${match[2] ?? ""}`;
  return majors.find((major) => major === text);
}

/** `server_version_num` as majors: 90003 is 9.0, 150018 is 15. */
export function majorOfNumber(serverVersionNum: number): Major | undefined {
  return serverVersionNum >= 100_000
    ? majorOf(`${Math.floor(serverVersionNum / 10_000)}`)
    : majorOf(`${Math.floor(serverVersionNum / 10_000)}.${Math.floor(serverVersionNum / 100) % 100}`);
}

/** 906 of 9.6, 1500 of 15: what a shell can compare. */
export function numberOf(version: Major): number {
  const [first = 0, second = 0] = version.split(".").map(Number);
  return first * 100 + second;
}
