/** Pulumi's command plugin for this machine: its program, whether it is the official one, and where it comes from. */
export declare function findCommandPlugin(): Promise<{
  readonly kind: "official" | "stand-in";
  readonly program: string;
  readonly from: string;
}>;
