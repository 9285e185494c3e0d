import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type AddressInfo, createServer as createListener, type Server as Listener, type Socket } from "node:net";
import { needPeers, userBehind } from "../../hosts/peer.js";
import type { Collected } from "./collect.js";
import { dataOf, type PageParts, policyOf, renderPage } from "./html.js";

export interface ServeOptions {
  readonly parts: PageParts;
  readonly collect: () => Promise<Pick<Collected, "report" | "secrets">>;
  /** 0: any that is free. */
  readonly port: number;
  /** Hears of what went wrong while the page was served. */
  readonly report?: (line: string) => void;
}

export interface Served {
  /** `http://127.0.0.1:8007/` */
  readonly url: string;
  close(): Promise<void>;
}

/** Milliseconds for which an answer counts: however many ask, the servers are asked no more often than that. */
const lifetime = 5000;

const loopback = "127.0.0.1";

/**
 * Serves the page on this machine, to our own OS user alone, and asks the servers anew when somebody looks. A browser that was made
 * to call it by a page of another site says so in `Host` (a name of theirs that leads here), or in what it says of the caller.
 * @throws where the port is taken, or this machine does not tell who calls
 */
export async function servePage({ parts, collect, port, report = () => undefined }: ServeOptions): Promise<Served> {
  const current = sharing(async () => {
    const { report: found, secrets } = await collect();
    return dataOf(found, secrets);
  });
  // Nothing but Linux tells who is behind a connection.
  const own = process.platform === "linux" ? process.getuid?.() : undefined;
  if (own !== undefined) await needPeers();
  const server = createServer((request, response) => {
    answer(request, response, { parts, current, port: listenedAt(listener) }).catch((error: Error) => {
      report(error.message);
      // Its words may be of a host or a server: the terminal has them, the browser does not.
      send(response, 500, "text/plain", "the report could not be made: pgsite page says why in its terminal\n");
    });
  });
  const sockets = new Set<Socket>();
  const listener = createListener({ pauseOnConnect: true }, (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    const isOurs = own === undefined ? Promise.resolve(true) : userBehind(socket).then((uid) => uid === own);
    isOurs
      .catch(() => false)
      .then((ours) => {
        if (!ours || socket.destroyed) return void socket.destroy();
        server.emit("connection", socket);
        socket.resume();
      });
  });
  await listening(listener, port);
  return {
    url: `http://${loopback}:${listenedAt(listener)}/`,
    close: () =>
      new Promise((resolve) => {
        listener.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function listenedAt(listener: Listener): number {
  return (listener.address() as AddressInfo).port;
}

interface Answering {
  readonly parts: PageParts;
  readonly current: () => Promise<string>;
  readonly port: number;
}

async function answer(request: IncomingMessage, response: ServerResponse, served: Answering): Promise<void> {
  const { parts, current, port } = served;
  const refuse = (status: number, why: string) => send(response, status, "text/plain", `${why}\n`);
  if (!isOwnHost(request.headers.host, port)) return refuse(421, "this is served to this machine's own browser alone");
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.setHeader("Allow", "GET, HEAD");
    return refuse(405, "nothing is changed here");
  }
  if (isOfAnotherSite(request)) return refuse(403, "this is for its own page alone");
  const isPage = request.url === "/";
  if (!isPage && request.url !== "/report.json") return refuse(404, "there are / and /report.json");
  const data = await current();
  const body = isPage ? renderPage(parts, data, true) : data;
  const policy = isPage ? policyOf(parts, true) : "default-src 'none'";
  response.setHeader("Content-Security-Policy", `${policy}; frame-ancestors 'none'`);
  send(response, 200, isPage ? "text/html" : "application/json", body, request.method === "HEAD");
}

/** A name that leads here and stands in no name service of anybody's. */
function isOwnHost(host: string | undefined, port: number): boolean {
  return [loopback, "localhost", "[::1]"].some((name) => host?.toLowerCase() === `${name}:${port}`);
}

/** What a page of another site has its browser ask for: it could not read the answer, and the servers would be asked all the same. */
function isOfAnotherSite({ headers }: IncomingMessage): boolean {
  const from = headers["sec-fetch-site"];
  return from !== undefined && from !== "same-origin" && from !== "none" && headers["sec-fetch-mode"] !== "navigate";
}

function send(response: ServerResponse, status: number, type: string, body: string, headAlone = false): void {
  if (response.headersSent) return void response.destroy();
  const bytes = Buffer.from(body);
  response.writeHead(status, {
    "Content-Type": `${type}; charset=utf-8`,
    "Content-Length": bytes.length,
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
  });
  response.end(headAlone ? undefined : bytes);
}

/** One question at a time, whose answer counts for a while for all who ask. A failure counts for nobody later. */
function sharing<T>(ask: () => Promise<T>): () => Promise<T> {
  let known: { readonly answer: Promise<T>; until: number } | undefined;
  return () => {
    if (known !== undefined && Date.now() < known.until) return known.answer;
    const asked = { answer: ask(), until: Number.POSITIVE_INFINITY };
    known = asked;
    asked.answer.then(
      () => {
        asked.until = Date.now() + lifetime;
      },
      () => {
        if (known === asked) known = undefined;
      },
    );
    return asked.answer;
  };
}

function listening(server: Listener, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const why = error.code === "EADDRINUSE" ? "another program has it: --port names another" : error.message;
      reject(new Error(`port ${port} of ${loopback} cannot be served: ${why}`));
    });
    server.listen(port, loopback, resolve);
  });
}
