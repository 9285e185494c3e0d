import { createServer, type Server, type Socket } from "node:net";
import { createSecureContext, TLSSocket } from "node:tls";

/** What an impostor answers a startup with. */
export type Trick =
  /** AuthenticationCleartextPassword, and then AuthenticationOk. */
  | "clear"
  /** AuthenticationMD5Password, and then AuthenticationOk. */
  | "md5"
  /** AuthenticationOk at once. */
  | "nothing"
  /** ReadyForQuery at once, without any AuthenticationOk. */
  | "ready"
  /** AuthenticationSASL, and AuthenticationOk as soon as the client has begun. */
  | "half"
  /** The same with an exchange that looks like SCRAM, and a signature that is none. */
  | "forged"
  /** The same, with as many iterations as take a quarter of an hour. */
  | "endless"
  /** SCRAM first, and whoever comes again is asked in clear. */
  | "twoFaced";

export interface ImpostorOptions {
  readonly address: string;
  readonly port: number;
  readonly trick: Trick;
  /** With which it answers SSLRequest by S. @default it answers N */
  readonly tls?: { readonly certificate: string; readonly key: string };
  /** What it answers questions with, row by row, in the order of its asking. */
  readonly rows?: (sql: string) => readonly (readonly string[])[];
}

const sslRequest = 80877103;
const gssRequest = 80877104;

/**
 * Somebody who listens where a server did, and answers what it likes. It counts, and keeps every byte that it was sent.
 * `await impostor.close()` in the end.
 */
export class Impostor {
  /** Startups without TLS. */
  plainStartups = 0;
  /** Startups within TLS. */
  tlsStartups = 0;
  sslRequests = 0;
  /** What came in answer to a request for a password. */
  readonly passwords: string[] = [];
  /** Statements that somebody asked who believed it. */
  readonly queries: string[] = [];
  /** All that came, unencrypted. */
  #heard = Buffer.alloc(0);
  readonly #sockets = new Set<Socket>();
  #visits = 0;

  private constructor(
    private readonly server: Server,
    private readonly options: ImpostorOptions,
  ) {
    server.on("connection", (socket) => this.#welcome(socket));
  }

  static async listen(options: ImpostorOptions): Promise<Impostor> {
    const impostor = new Impostor(createServer(), options);
    const { server } = impostor;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(options.port, options.address, resolve);
    });
    return impostor;
  }

  /** Whether a text came, in clear. */
  heard(text: string): boolean {
    return this.#heard.includes(text);
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  #welcome(socket: Socket, encrypted = false): void {
    this.#sockets.add(socket);
    socket.on("error", () => socket.destroy());
    let rest = Buffer.alloc(0);
    let started = false;
    let state: { step: "asked" | "sasl" | "in"; visit: number } = { step: "in", visit: 0 };
    const take = (chunk: Buffer) => {
      this.#heard = Buffer.concat([this.#heard, chunk]);
      rest = Buffer.concat([rest, chunk]);
      for (;;) {
        const head = started ? 1 : 0;
        if (rest.length < head + 4) return;
        const length = rest.readInt32BE(head);
        if (rest.length < head + length) return;
        const type = started ? rest.toString("latin1", 0, 1) : "";
        const body = rest.subarray(head + 4, head + length);
        rest = rest.subarray(head + length);
        if (!started) {
          const code = body.readInt32BE(0);
          if (code === gssRequest) socket.write("N");
          else if (code === sslRequest) {
            this.sslRequests += 1;
            if (this.#upgrade(socket, take)) return;
          } else {
            started = true;
            if (encrypted) this.tlsStartups += 1;
            else this.plainStartups += 1;
            state = { step: this.#greet(socket), visit: this.#visits };
          }
        } else state = { ...state, step: this.#answer(socket, type, body, state.step) };
      }
    };
    socket.on("data", take);
  }

  #upgrade(socket: Socket, listener: (chunk: Buffer) => void): boolean {
    const { tls } = this.options;
    if (tls === undefined) {
      socket.write("N");
      return false;
    }
    socket.off("data", listener);
    socket.write("S");
    const secureContext = createSecureContext({ cert: tls.certificate, key: tls.key });
    this.#welcome(new TLSSocket(socket, { isServer: true, secureContext }), true);
    return true;
  }

  #greet(socket: Socket): "asked" | "sasl" | "in" {
    this.#visits += 1;
    const { trick } = this.options;
    const wanted = trick === "twoFaced" ? (this.#visits % 2 === 1 ? "half" : "clear") : trick;
    if (wanted === "clear") return say(socket, "asked", authentication(3));
    if (wanted === "md5") return say(socket, "asked", authentication(5, Buffer.from("salt")));
    if (wanted === "half" || wanted === "forged" || wanted === "endless") {
      return say(socket, "sasl", authentication(10, Buffer.from("SCRAM-SHA-256\0\0")));
    }
    if (wanted === "ready") return say(socket, "in", ready);
    return say(socket, "in", ...welcome);
  }

  #answer(socket: Socket, type: string, body: Buffer, step: "asked" | "sasl" | "in"): "asked" | "sasl" | "in" {
    if (type === "p" && step === "asked") {
      this.passwords.push(body.toString("utf8").replace(/\0$/, ""));
      return say(socket, "in", ...welcome);
    }
    if (type === "p" && step === "sasl") {
      const said = body.toString("utf8");
      const nonce = /r=([^,]+)$/.exec(said)?.[1];
      const count = { forged: 1, endless: 2_147_483_647 }[this.options.trick as string];
      if (count !== undefined && said.startsWith("SCRAM-SHA-256")) {
        const first = `r=${nonce}impostor,s=${Buffer.from("salt").toString("base64")},i=${count}`;
        return say(socket, "sasl", authentication(11, Buffer.from(first)));
      }
      if (this.options.trick === "forged") {
        const last = `v=${Buffer.alloc(32).toString("base64")}`;
        return say(socket, "in", authentication(12, Buffer.from(last)), ...welcome);
      }
      return say(socket, "in", ...welcome);
    }
    if (type === "Q") {
      const sql = body.toString("utf8").replace(/\0$/, "");
      this.queries.push(sql);
      const rows = this.options.rows?.(sql) ?? [];
      const columns = Array.from({ length: rows[0]?.length ?? 0 }, (_, index) => `c${index}`);
      send(socket, description(columns), ...rows.map(row), message("C", Buffer.from("SELECT\0")), ready);
    } else if (type === "P") {
      this.queries.push(body.toString("utf8"));
      socket.destroy();
    }
    return step;
  }
}

/** @returns what comes next */
function say<Step>(socket: Socket, next: Step, ...messages: readonly Buffer[]): Step {
  send(socket, ...messages);
  return next;
}

function send(socket: Socket, ...messages: readonly Buffer[]): void {
  if (!socket.destroyed) socket.write(Buffer.concat(messages));
}

function message(type: string, body: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length + 4);
  return Buffer.concat([Buffer.from(type, "latin1"), length, body]);
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function authentication(code: number, more: Buffer = Buffer.alloc(0)): Buffer {
  return message("R", Buffer.concat([int32(code), more]));
}

const ready = message("Z", Buffer.from("I"));
const welcome = [
  authentication(0),
  ...[
    ["server_version", "15.0"],
    ["server_encoding", "UTF8"],
    ["client_encoding", "UTF8"],
    ["standard_conforming_strings", "on"],
  ].map(([name, value]) => message("S", Buffer.from(`${name}\0${value}\0`))),
  message("K", Buffer.alloc(8)),
  ready,
];

function description(names: readonly string[]): Buffer {
  const fields = names.map((name) =>
    Buffer.concat([Buffer.from(`${name}\0`), int32(0), int16(0), int32(25), int16(-1), int32(-1), int16(0)]),
  );
  return message("T", Buffer.concat([int16(names.length), ...fields]));
}

function row(values: readonly string[]): Buffer {
  const cells = values.map((value) => Buffer.concat([int32(Buffer.byteLength(value)), Buffer.from(value)]));
  return message("D", Buffer.concat([int16(values.length), ...cells]));
}
