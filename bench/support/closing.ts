/** Does something with what must be closed in the end, also after a failure or Ctrl-C. */
export async function closing<C extends { close(): Promise<void> }>(
  made: C,
  act: (made: C) => Promise<void>,
): Promise<void> {
  const stop = () => {
    void made.close().finally(() => process.exit(130));
  };
  process.once("SIGINT", stop).once("SIGTERM", stop);
  try {
    await act(made);
  } finally {
    process.off("SIGINT", stop).off("SIGTERM", stop);
    await made.close();
  }
}
