/** How data that pgsite did not make is spoken of, wherever it is found. `where` names the directory, its host and its server. */
export function foreignData(where: string): { readonly cause: string; readonly remedy: string } {
  return {
    cause: `${where} is not empty and was not made by pgsite for this server`,
    remedy: "it is left untouched. Move it away, or declare another dataDirectory",
  };
}
