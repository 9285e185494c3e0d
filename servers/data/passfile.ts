/** What `withPassfile` says; its arguments are the passfile, and the program with its own. */
const script = `file=$1
shift
trap 'rm -f -- "$file"; kill -s TERM -- "-$copy" 2>/dev/null' EXIT
trap 'exit 143' TERM HUP INT
umask 077
rm -f -- "$file" && cat >"$file" || exit 1
setsid -- "$@" </dev/null 2>&1 &
copy=$!
wait "$copy"`;

/**
 * A program that authenticates by a passfile, as an argv: with everything that it says on standard output. The passfile comes
 * on standard input, is the OS user's alone from creation on, and is gone when the program is, also when it is ended.
 */
export function withPassfile(passfile: string, argv: readonly string[]): readonly string[] {
  return ["sh", "-c", script, "sh", passfile, ...argv];
}
