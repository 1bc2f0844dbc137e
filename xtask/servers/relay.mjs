// Serves an HTTP server behind a proxy, and keeps the bytes that pass before and behind the proxy:
// `node relay.mjs FOLDER ACTIVITY SERVER…`. The server prints its address, and exits at the end of its standard input.
// Prints its own address, and at the end of its standard input writes a folder for each exchange.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { Agent, createServer, request as send } from "node:http";
import { createInterface } from "node:readline";

const [folder, activity, command, ...args] = process.argv.slice(2);
const TAG = "x-exchange";
// Each connection has its own, and a proxy chooses the host and that nothing is compressed.
const OF_CONNECTION = new Set(["accept-encoding", "connection", "host", "keep-alive", "transfer-encoding", TAG]);
const exchanges = [];

// A head as it is compared: the order of different headers means nothing.
function head(first, raw) {
  const headers = [];
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at].toLowerCase();
    if (!OF_CONNECTION.has(name)) headers.push(`${name}: ${raw[at + 1]}\n`);
  }
  return Buffer.from([`${first}\n`, ...headers.sort(), "\n"].join(""));
}

// Raw headers without the named ones, which node would send twice.
const without = (raw, names) =>
  raw.flatMap((name, at) => (at % 2 || names.includes(name.toLowerCase()) ? [] : [name, raw[at + 1]]));

// Passes exchanges on to a URL, and keeps what passes at this place: `before` or `behind`.
async function relay(target, place) {
  const agent = new Agent({ maxSockets: Infinity });
  const server = createServer((request, response) => {
    const number = place === "before" ? exchanges.push({}) - 1 : Number(request.headers[TAG]);
    const kept = { client: [head(`${request.method} ${request.url}`, request.rawHeaders)], server: [] };
    exchanges[number][place] = kept;
    const headers = without(request.rawHeaders, [TAG, "connection", "keep-alive"]);
    if (place === "before") headers.push(TAG, String(number));
    const { hostname, port } = new URL(target);
    const passed = send({ agent, hostname, port, method: request.method, path: request.url, headers });
    request.on("data", (bytes) => kept.client.push(bytes) && passed.write(bytes));
    request.on("end", () => passed.end());
    passed.on("response", (answer) => {
      kept.status = answer.statusCode;
      kept.server.push(head(answer.statusCode, answer.rawHeaders));
      response.sendDate = false;
      response.writeHead(answer.statusCode, without(answer.rawHeaders, ["connection", "keep-alive"]));
      response.flushHeaders();
      answer.on("data", (bytes) => kept.server.push(bytes) && response.write(bytes));
      answer.on("end", () => response.end());
      answer.on("error", () => response.destroy());
    });
    passed.on("error", () => response.destroy());
    response.on("close", () => {
      kept.hasLeft = !response.writableFinished;
      passed.destroy();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${server.address().port}${new URL(target).pathname}`;
}

// Returns the first line of a stream that this matches.
async function line(stream, pattern) {
  for await (const text of createInterface({ input: stream })) {
    const found = text.match(pattern);
    if (found) return found[1];
  }
  throw new Error("it has ended without its address");
}

const server = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
const behind = await relay(await line(server.stdout, /^(http:.*)/), "behind");
const listen = ["--listen", "127.0.0.1:0"];
const proxy = spawn(activity, ["--store", `${folder}/activity.db`, "proxy", "--to", behind, ...listen], {
  stdio: ["ignore", "inherit", "pipe"],
});
console.log(await relay(await line(proxy.stderr, /^Proxy: +(http:.*)/), "before"));

async function end(child, stop) {
  const exited = once(child, "exit");
  stop();
  const [code] = child.exitCode === null ? await exited : [child.exitCode];
  if (code !== 0) throw new Error(`${child.spawnfile} has ended with ${code}`);
}

// What a side has sent, joined.
const bytes = (kept, side) => Buffer.concat(kept?.[side] ?? []);

process.stdin.resume().on("end", async () => {
  await end(proxy, () => proxy.kill("SIGTERM"));
  await end(server, () => server.stdin.end());
  for (const [number, { before, behind }] of exchanges.entries()) {
    // The proxy itself refuses the names of other hosts; a client may leave before anything has passed.
    const isRefused = !behind && [403, 421].includes(before.status);
    if (isRefused || (before.hasLeft && before.status === undefined)) continue;
    const at = `${folder}/wire/${number}`;
    mkdirSync(at);
    for (const side of ["client", "server"]) {
      const passed = bytes(before, side);
      const all = bytes(behind, side);
      writeFileSync(`${at}/${side}-before`, passed);
      // Who leaves does not wait for what is on its way.
      const isCut = side === "server" && before.hasLeft && passed.length > 0;
      writeFileSync(`${at}/${side}-behind`, isCut ? all.subarray(0, passed.length) : all);
    }
  }
  process.exit();
});
