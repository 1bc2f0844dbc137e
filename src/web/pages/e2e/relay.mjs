// A relay in front of a server, which can fail.

import { connect, createServer } from "node:net";

/** Relays the connections to a URL. Returns the relay's own URL, and `stop` and `start` for an outage. */
export async function relay(url) {
  const { hostname, port, pathname } = new URL(url);
  const sockets = new Set();
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ]) {
      sockets.add(one);
      one.pipe(other);
      one.on("error", () => other.destroy());
      one.on("close", () => {
        sockets.delete(one);
        other.destroy();
      });
    }
  });
  const start = (at) => new Promise((done) => server.listen(at, "127.0.0.1", done));
  await start(0);
  const { port: own } = server.address();
  return {
    url: `http://127.0.0.1:${own}${pathname}`,
    start: () => start(own),
    stop: () =>
      new Promise((done) => {
        server.close(done);
        for (const socket of sockets) {
          socket.destroy();
        }
      }),
  };
}
