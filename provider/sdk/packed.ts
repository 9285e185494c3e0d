import * as pulumi from "@pulumi/pulumi";

/**
 * Properties with some of them, whose values are plain, as JSON text: the engine, the program and the provider spend the time
 * of a preview on single values, each of which passes between them fifteen times. `ResourceType.packed` is the other end.
 */
export function packed<Args extends object>(args: Args, names: readonly (keyof Args)[]): Record<string, unknown> {
  const isPacked = (name: string) => names.includes(name as keyof Args);
  // What is undefined stays so.
  return Object.fromEntries(
    Object.entries(args).map(([name, value]) => [name, isPacked(name) ? JSON.stringify(value) : value]),
  );
}

/** A value that is known later, in the form in which it travels. */
export function packedOutput(value: pulumi.Input<object>): pulumi.Output<string> {
  return pulumi.output(value).apply((known) => JSON.stringify(known));
}
