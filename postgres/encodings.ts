/**
 * Encodings by the names that PostgreSQL compares: in small letters, without what is no letter or digit (PostgreSQL: "Character Set
 * Support", Table 23.3, and the aliases of src/common/encnames.c).
 */
const ofServers =
  "abc alt euccn eucjis2004 eucjp euckr euctw iso88591 iso885910 iso885913 iso885914 iso885915 iso885916 iso88592 iso88593 iso88594 iso88595 iso88596 iso88597 iso88598 iso88599 koi8 koi8r koi8u latin1 latin10 latin2 latin3 latin4 latin5 latin6 latin7 latin8 latin9 muleinternal sqlascii tcvn tcvn5712 unicode utf8 vscii win win1250 win1251 win1252 win1253 win1254 win1255 win1256 win1257 win1258 win866 win874 windows1250 windows1251 windows1252 windows1253 windows1254 windows1255 windows1256 windows1257 windows1258 windows866 windows874";
const ofClients =
  "big5 gb18030 gbk johab mskanji shiftjis shiftjis2004 sjis uhc win932 win936 win949 win950 windows932 windows936 windows949 windows950";

const serverEncodings: readonly string[] = ofServers.split(" ");
const clientEncodings: readonly string[] = ofClients.split(" ");

/** Those that an administrator would write. */
const usual = ["UTF8", "LATIN1", "LATIN2", "LATIN9", "WIN1252", "EUC_JP", "KOI8R", "SQL_ASCII"];

/** Why a database cannot have an encoding; undefined where it can. */
export function whyNoEncoding(name: string): string | undefined {
  const compared = name.toLowerCase().replace(/[^a-z0-9]/g, "");
  if (serverEncodings.includes(compared)) return undefined;
  const allowed = `take one of a server's: ${usual.join(", ")} …`;
  return clientEncodings.includes(compared)
    ? `${name} is an encoding that only clients have: ${allowed}`
    : `"${name}" is no encoding of PostgreSQL: ${allowed}`;
}
