import { createContext } from "preact";

/** When the report was made, and whether it is made anew while somebody looks at it. */
export interface Clock {
  readonly written: string;
  readonly live: boolean;
}

export const ClockContext = createContext<Clock>({ written: "", live: false });
