/** Why nothing is done as a user that is root under another name: whoever means root says so. */
export function rootByAnotherName(user: string): string {
  return `${user} is root by another name (uid 0), as which no server runs: name an unprivileged user in osUser`;
}
