import { Duplex } from "node:stream";
import { type Host, HostError, type Port, type RunningProgram, type SocketFile } from "./host.js";
import { quote } from "./quote.js";

/** Why a program on the host did not connect. */
export type PipeFailure =
  /** The host has no perl. */
  | "noProgram"
  /** Nothing listens there. */
  | "refused"
  /** The Unix socket is another user's: whoever made it is not believed. */
  | "foreign";

export class NotPiped extends HostError {
  constructor(
    readonly host: string,
    readonly why: PipeFailure,
    said: string,
  ) {
    super(said);
    this.name = "NotPiped";
  }
}

/** Exit codes of the script below. */
const failures: Readonly<Record<number, PipeFailure>> = { 74: "refused", 77: "foreign", 69: "noProgram" };

/**
 * Connects to what listens on a host by a program there that runs as the host's OS user: to a port, or to a Unix socket that this
 * very user made. The stream stands at once; where the program did not connect, it fails with `NotPiped`. @throws HostUnreachable
 */
export async function pipeOn(host: Host, to: Port | SocketFile, signal?: AbortSignal): Promise<Piped> {
  const given = "path" in to ? ["unix", to.path, ""] : ["tcp", to.address, `${to.port}`];
  const program = await host.spawn(["sh", "-c", script, "sh", ...given], signal === undefined ? {} : { signal });
  return new Piped(host.name, program);
}

export class Piped extends Duplex {
  /** As of a socket. */
  bytesRead = 0;

  constructor(
    host: string,
    private readonly program: RunningProgram,
  ) {
    super();
    const { stdout, ended } = program;
    stdout.on("data", (chunk: Buffer) => {
      this.bytesRead += chunk.length;
      if (!this.push(chunk)) stdout.pause();
    });
    stdout.once("end", () => {
      ended.then(
        ({ code, stderr }) => {
          const why = failures[code];
          if (why === undefined) this.push(null);
          else this.destroy(new NotPiped(host, why, stderr.trim()));
        },
        (error: Error) => this.destroy(error),
      );
    });
  }

  override _read(): void {
    this.program.stdout.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.program.stdin.write(chunk, () => done());
  }

  override _final(done: () => void): void {
    this.program.stdin.end(() => done());
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.program.kill();
    done(error);
  }
}

/*
 * It copies both ways until either side ends. Who listens at a Unix socket says the kernel (SO_PEERCRED)
 * where the program can ask it; else who made its file, which in a folder such as /tmp nobody else can replace.
 */
const perl = `use strict; use Socket; use IO::Select;
my ($kind, $at, $port) = @ARGV;
sub out { my $code = shift; print STDERR @_; exit $code }
my $s;
if ($kind eq "unix") {
  socket($s, PF_UNIX, SOCK_STREAM, 0) && connect($s, sockaddr_un($at)) or out(74, "$at: $!");
  my $said = eval { getsockopt($s, SOL_SOCKET, SO_PEERCRED()) };
  my $uid = defined $said && length $said == 12 ? (unpack "iII", $said)[1] : (stat $at)[4];
  out(77, "$at is listened to by the user with the number $uid") unless $uid == $>;
} else {
  my ($error, @all) = Socket::getaddrinfo($at, $port, { socktype => SOCK_STREAM });
  out(74, "$at: $error") if $error;
  for my $one (@all) {
    socket($s, $one->{family}, SOCK_STREAM, 0) && connect($s, $one->{addr}) and last;
    $error = "$!"; undef $s;
  }
  out(74, "$at port $port: $error") unless $s;
}
$SIG{PIPE} = "IGNORE";
my $both = IO::Select->new(\\*STDIN, $s);
while (my @ready = $both->can_read) {
  for my $from (@ready) {
    my $got = sysread $from, my $chunk, 65536;
    if (!$got) {
      exit 0 if $from == $s;
      $both->remove(\\*STDIN); shutdown($s, 1); next;
    }
    my $to = $from == $s ? \\*STDOUT : $s;
    for (my $at = 0; $at < $got;) { my $put = syswrite $to, $chunk, $got - $at, $at; defined $put or exit 0; $at += $put }
  }
}`;

/** A test of a POSIX shell's: whether a host has what `pipeOn` takes. */
export const canPipe = "{ command -v perl >/dev/null 2>&1 && perl -MSocket -MIO::Select -e 1 2>/dev/null; }";

const script = `kind=$1 at=$2 port=$3
if [ "$kind" = unix ]; then
  [ -S "$at" ] || { echo "there is no socket $at" >&2; exit 74; }
  [ -O "$at" ] || { echo "the socket $at is another user's" >&2; exit 77; }
fi
if ${canPipe}; then exec perl -e ${quote(perl)} "$kind" "$at" "$port"; fi
echo "the host has no perl" >&2
exit 69`;
