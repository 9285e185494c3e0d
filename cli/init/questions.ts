/** Somebody who can be asked. */
export interface Asker {
  text(question: Question): Promise<string>;
  /** @returns one of the choices */
  select<T extends string>(question: { readonly message: string; readonly choices: readonly Choice<T>[] }): Promise<T>;
  /** Without echo, twice. */
  secret(message: string): Promise<string>;
}

export interface Question {
  readonly message: string;
  /** What an empty answer means. */
  readonly proposal?: string;
  /** What is wrong with an answer; undefined if nothing is. */
  readonly problem?: (answer: string) => string | undefined;
}

export interface Choice<T extends string> {
  readonly value: T;
  readonly label: string;
  readonly hint?: string;
}

/** Whoever sits at the terminal; undefined if nobody does, or nobody is to be asked. */
export async function whoCanBeAsked(yes: boolean): Promise<Asker | undefined> {
  if (yes || !process.stdin.isTTY || !process.stderr.isTTY) return undefined;
  // Nobody else pays for it at start-up.
  return terminal(await import("@clack/prompts"));
}

// Standard output is for what comes of it.
const output = process.stderr;

function terminal({ isCancel, password, select, text }: typeof import("@clack/prompts")): Asker {
  const answered = <T>(answer: T): Exclude<T, symbol> => {
    if (isCancel(answer)) throw new Error("ended; nothing was written");
    return answer as Exclude<T, symbol>;
  };
  return {
    async text({ message, proposal, problem }) {
      const said = await text({
        message,
        output,
        ...(proposal === undefined ? {} : { defaultValue: proposal, placeholder: proposal }),
        validate: (answer) => {
          const given = answer === undefined || answer === "" ? proposal : answer;
          return given === undefined ? "an answer is needed" : problem?.(given);
        },
      });
      return answered(said);
    },
    async select<T extends string>({ message, choices }: { message: string; choices: readonly Choice<T>[] }) {
      const options = choices.map((choice) => ({ ...choice }));
      const said = await select<string>({ message, output, options });
      return answered(said) as T;
    },
    async secret(message) {
      const problem = (answer: string | undefined) =>
        answer === undefined || answer === "" ? "an answer is needed" : undefined;
      for (let again = ""; ; again = " (the two were not the same)") {
        const first = answered(await password({ message: `${message}${again}`, output, validate: problem }));
        const second = answered(await password({ message: "once more", output, validate: problem }));
        if (first === second) return first;
      }
    },
  };
}
