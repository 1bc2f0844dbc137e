// Serves a stdio server over HTTP: `node bridge.mjs PACKAGES COMMAND…`. Each session has a process of its own.
// Prints its address, and exits at the end of its standard input.
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [packages, command, ...args] = process.argv.slice(2);
const require = createRequire(`${packages}/`);
const load = (name) => import(pathToFileURL(require.resolve(`@modelcontextprotocol/sdk/${name}`)).href);
const { StdioClientTransport } = await load("client/stdio.js");
const { StreamableHTTPServerTransport } = await load("server/streamableHttp.js");

const sessions = new Map();
const processes = [];
// Other names may lead a browser here.
const isLocal = (host) => /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/.test(host);

// The HTTP side of a new process: messages pass as they are.
async function open() {
  const env = process.env;
  const stdio = new StdioClientTransport({ command, args, env });
  processes.push(stdio);
  const http = new StreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    onsessioninitialized: (id) => sessions.set(id, http),
  });
  // What a server sends during a call belongs to its stream: the newest request of the client.
  let newest;
  http.onmessage = (message) => {
    newest = message.method && message.id !== undefined ? message.id : newest;
    stdio.send(message);
  };
  stdio.onmessage = (message) => http.send(message, message.method ? { relatedRequestId: newest } : undefined).catch(() => {});
  http.onclose = () => stdio.close();
  await http.start();
  await stdio.start();
  return http;
}

const server = createServer(async (request, response) => {
  const { host, origin } = request.headers;
  if (!isLocal(host) || (origin && !isLocal(new URL(origin).host))) {
    response.writeHead(403).end();
    return;
  }
  const http = sessions.get(request.headers["mcp-session-id"]) ?? (await open());
  await http.handleRequest(request, response);
});
server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}/mcp`));
process.stdin.resume().on("end", async () => {
  await Promise.all(processes.map((stdio) => stdio.close()));
  process.exit();
});
