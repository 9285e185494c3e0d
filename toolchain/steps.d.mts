/** A problem that the user can mend: to be shown as its message alone. */
export declare class ToolchainError extends Error {}
/** Runs `act` while no other process holds the lock file; a dead process's lock is taken over. */
export declare function locked<T>(path: string, act: () => Promise<T> | T): Promise<T>;
/** One line to the user, on standard error. */
export declare function say(line: string): void;
/** Whether the process that wrote this lock still runs; a reused process id does not count. */
export declare function alive(holder: string): boolean;
/** When a process started, in the kernel's ticks; empty where the system does not say (no /proc). */
export declare function startOf(pid: number): string;
