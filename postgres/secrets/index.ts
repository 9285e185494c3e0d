export { holdsSecret, maskedFile, secretsInAccess, secretsInFile, secretsInValue, shownValue } from "./files.js";
export { anotherSecret, type Masked, mask, maskedAt, type Span, unmasked } from "./spans.js";
export { secretsInText, withoutPieces, withoutSecrets } from "./text.js";
