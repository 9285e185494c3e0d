/** A word of a line; `quoted` is true where its first character stood in quotes, which takes its special meaning away. */
export interface Token {
  readonly text: string;
  readonly quoted: boolean;
}

/**
 * Splits one logical line into fields of words, as next_field_expand of hba.c does: blanks separate fields, commas the
 * words of a field (a comma after a blank is passed over), double quotes protect both, a doubled quote within quotes is
 * one, # begins a comment. Blanks are space, tab and carriage return (pg_isblank), nothing else. Undefined where a quote
 * is not closed: servers take the rest of the line into the name then, which nobody means.
 */
export function tokenize(line: string): Token[][] | undefined {
  const fields: Token[][] = [];
  let field: Token[] = [];
  let text = "";
  let started = false;
  let quoted = false;
  let inQuotes = false;
  let afterComma = false;
  const endWord = () => {
    if (started) field.push({ text, quoted });
    text = "";
    started = false;
    quoted = false;
  };
  const endField = () => {
    endWord();
    if (field.length > 0 && !afterComma) {
      fields.push(field);
      field = [];
    }
  };
  for (let index = 0; index < line.length; index++) {
    const character = line[index] as string;
    if (inQuotes) {
      if (character !== '"') text += character;
      else if (line[index + 1] === '"') {
        text += character;
        index++;
      } else inQuotes = false;
    } else if (character === "#") break;
    else if (character === '"') {
      if (!started) quoted = true;
      inQuotes = true;
      started = true;
      afterComma = false;
    } else if (character === ",") {
      endWord();
      afterComma = true;
    } else if (isBlank(character)) endField();
    else {
      text += character;
      started = true;
      afterComma = false;
    }
  }
  afterComma = false;
  endField();
  return inQuotes ? undefined : fields;
}

/** pg_isblank of hba.c: other white space is part of a word. */
function isBlank(character: string): boolean {
  return character === " " || character === "\t" || character === "\r";
}
