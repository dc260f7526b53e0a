/** The part of a WebSocket that every runtime has. */
export type Socket = {
  send(text: string): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: "open" | "close" | "error", listener: () => void): void;
  addEventListener(type: "message", listener: (event: { data: unknown }) => void): void;
};

/** A constructor that takes headers: Node's, Deno's and Bun's do. A browser's throws on them, before anything is sent. */
export type WebSocketConstructor = new (url: string, init: { headers: Record<string, string> }) => Socket;

export type OpenSocket = {
  /** The address with http or https. */
  url: string;
  headers: Record<string, string>;
  /** Listening begins before the socket opens, so that a message that comes together with the handshake is not missed. */
  onOpen: (socket: Socket) => void;
  onMessage: (data: unknown) => void;
  /** Closed or failed; also when it never opened. No runtime says why: a plain request gets the reason in words. */
  onEnd: () => void;
};

/** Begins to open a socket that carries the caller's headers. Throws where this runtime cannot. */
export type SocketOpener = (options: OpenSocket) => void;

/**
 * The way of this runtime to a WebSocket with an Authorization header; undefined where there is none (Node 20). A key never
 * travels in the address, where logs would keep it.
 */
export function socketOpener(given: WebSocketConstructor | undefined): SocketOpener | undefined {
  if (given !== undefined) return constructed(given);
  // Workers open sockets with fetch; their constructor takes no headers.
  if (Reflect.has(globalThis, "WebSocketPair")) return fetched;
  // Looked up by name: no two runtimes' types agree on what the constructor takes.
  const name: string = "WebSocket";
  const own: WebSocketConstructor | undefined = Reflect.get(globalThis, name);
  return own === undefined ? undefined : constructed(own);
}

function constructed(Constructor: WebSocketConstructor): SocketOpener {
  return (options) => {
    const socket = new Constructor(options.url.replace(/^http/u, "ws"), { headers: options.headers });
    listen(socket, options);
    socket.addEventListener("open", () => options.onOpen(socket));
  };
}

function listen(socket: Socket, { onMessage, onEnd }: OpenSocket): void {
  socket.addEventListener("message", (event) => onMessage(event.data));
  socket.addEventListener("error", onEnd);
  socket.addEventListener("close", onEnd);
}

type Upgraded = Socket & { accept(): void };

function isUpgraded(value: unknown): value is Upgraded {
  return (
    typeof value === "object" && value !== null && "accept" in value && typeof value.accept === "function"
  );
}

const fetched: SocketOpener = (options) => void upgrade(options).catch(options.onEnd);

async function upgrade(options: OpenSocket): Promise<void> {
  const response = await fetch(options.url, { headers: { ...options.headers, upgrade: "websocket" } });
  const socket: unknown = Reflect.get(response, "webSocket");
  if (!isUpgraded(socket)) return options.onEnd();
  listen(socket, options);
  socket.accept();
  options.onOpen(socket);
}
