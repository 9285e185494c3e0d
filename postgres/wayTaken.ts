/** How a change would take pgsite's own way in away, as data. Its sentences are made in servers/words/wayTaken.ts. */
export type WayTaken =
  /** By the declared rules, over the network. `rule`: the one in the way, secrets masked; without one, none matches. */
  | {
      readonly code: "rules";
      readonly server: string;
      readonly host: string;
      readonly administrator: string;
      /** The address that pgsite comes from, as the server sees it. */
      readonly from: string;
      /** Left out where it comes either way. */
      readonly encrypted?: boolean;
      readonly rule?: { readonly text: string; readonly line: number };
    }
  /** By another administrator, who could not do what pgsite does. */
  | {
      readonly code: "administrator";
      readonly administrator: string;
      readonly before: string;
      readonly lacks: "role" | "superuser" | "login" | "password";
    };
