// A client that asks all the time: every application every so often, each request by itself. One that fails is tried once more,
// after as long as the answer says (Retry-After), or a second later. Prints a line of JSON a request; ends when its input does.
const [base, milliseconds, ...names] = process.argv.slice(2);

async function once(name) {
  try {
    const response = await fetch(`${base}/${name}`, { signal: AbortSignal.timeout(20_000) });
    const text = await response.text();
    if (response.status !== 200)
      return {
        failed: `${response.status} ${text.slice(0, 200)}`,
        after: Number(response.headers.get("retry-after") ?? 1),
      };
    return { found: JSON.parse(text) };
  } catch (error) {
    return { failed: `${error.message} ${error.cause?.message ?? ""}`, after: 1 };
  }
}

async function request(name) {
  const asked = Date.now();
  const first = await once(name);
  let last = first;
  if (first.failed !== undefined) {
    await new Promise((resolve) => setTimeout(resolve, first.after * 1000));
    last = await once(name);
  }
  const { failed } = first;
  process.stdout.write(
    `${JSON.stringify({ name, asked, answered: Date.now(), failed, lost: last.failed, ...last.found })}\n`,
  );
}

const open = new Set();
const timers = names.map((name) =>
  setInterval(() => {
    const one = request(name).finally(() => open.delete(one));
    open.add(one);
  }, Number(milliseconds)),
);
process.stdin.resume().on("end", async () => {
  timers.forEach(clearInterval);
  await Promise.all(open);
});
