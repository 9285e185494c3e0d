import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { HostUnreachable } from "../host.js";

/** How one gets to a shell on a host, as its OS user: what differs from one kind of host to another. */
export interface Transport {
  /** The host's name in the stack file, for messages. */
  readonly name: string;
  /** The OS user as whom everything happens; "" stands for whoever one is there. */
  readonly user: string;
  /** `Host.machine` */
  readonly machine: string;
  /** Hosts with the same value are the same shell: they share a session. */
  readonly key: string;

  /** Starts a channel: a program whose streams are those of a shell there that does what `obey` says. */
  start(): ChildProcessWithoutNullStreams;
  /**
   * Whether a channel that ended with this status, without a word of ours on how the program ended, was cut. Else it is
   * the program's status.
   */
  isCut(status: number): boolean;
  /** Why a channel could not be opened, or ended of itself, by what was said on standard error until then. */
  unreachable(said: string): HostUnreachable;
  /** Why a channel did not open in time. @param within milliseconds */
  slow(within: number): ConnectionCut;
  /** What is to be done where we are another user there than the OS user. */
  readonly becoming: string;
  /** Whether a connection may be there already. It may be stale: its host may have been switched off meanwhile. */
  mayBeConnected(): boolean;
  /** Gives up a connection, and with it all channels on it. Never fails. */
  disconnect(): Promise<void>;
}

/** The connection broke: another one may do. */
export class ConnectionCut extends HostUnreachable {}

/**
 * What the shell of a channel does at first: it reads one line and obeys it. So whatever we want done, and with which
 * values, travels on standard input and stands in nobody's list of processes. `read` takes no byte beyond the line:
 * what follows is the program's.
 */
export const obey = [
  // su keeps the folder and the PATH of whoever logged in: not for another user. What is made is nobody else's to read.
  "cd /; umask 077; export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  // A line break, which words of a request write as $nl.
  `nl=$(printf "\\nx"); nl=\${nl%x}`,
  'IFS= read -r request; eval "$request"',
].join("; ");
