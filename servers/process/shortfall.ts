import type { StreamProblem, Unanswered } from "../../postgres/serverProblems.js";

/** What a server does not do, or has not, that it is there for. Its sentence is made in servers/words/proof.ts. */
export type Shortfall =
  | { readonly code: "noData"; readonly dataDirectory: string }
  | { readonly code: "stopped" }
  /** `own`: what the server itself answered. */
  | { readonly code: "nobodyWrites"; readonly own?: Unanswered }
  | {
      readonly code: "anotherCluster";
      readonly systemIdentifier: string;
      readonly writing: { readonly server: string; readonly systemIdentifier: string };
      readonly dataDirectory: string;
    }
  | StreamProblem
  | ({ readonly code: "unanswered" } & Unanswered)
  /** `fed`: it gets its WAL from an archive (restore_command), and the segment that it is at. */
  | { readonly code: "noWalreceiver"; readonly fed?: string | null }
  | { readonly code: "notInRecovery" }
  /** It streams, and has not come as far as the marker. `replayed`: null where it has replayed nothing yet. */
  | {
      readonly code: "replaysBehind";
      readonly replayed: string | null;
      readonly received?: string;
      readonly marker: string;
    }
  /** The same of 9.0, warm: how far it has replayed cannot be seen. */
  | { readonly code: "receivesBehind"; readonly received: string; readonly marker: string };
