// Calls a server as a plan says: `node drive.mjs PACKAGES SDK PLAN`, where SDK is `sdk` (1.x) or `client` (2.x).
// Prints the names of both sides, the lists, the answer of each step and what the server asked, one JSON object per line.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [packages, sdk, plan] = process.argv.slice(2);
const require = createRequire(`${packages}/`);
const load = (name) => import(pathToFileURL(require.resolve(`@modelcontextprotocol/${name}`)).href);
const isOld = sdk === "sdk";
const { Client } = await load(isOld ? "sdk/client/index.js" : "client");
const { StdioClientTransport } = await load(isOld ? "sdk/client/stdio.js" : "client/stdio");
const types = isOld ? await load("sdk/types.js") : {};

const say = (line) => console.log(JSON.stringify(line));
const { command, args, cwd, env, steps } = JSON.parse(readFileSync(plan, "utf8"));
const info = { name: `typescript-${sdk}`, version: "1.0" };
const client = new Client(info, { capabilities: { sampling: {}, elicitation: {}, roots: {} } });

// What the server asks of the client.
const asked = [];
const answer = (method, schema, result) =>
  client.setRequestHandler(isOld ? types[schema] : method, async () => {
    asked.push(method);
    return result;
  });
answer("sampling/createMessage", "CreateMessageRequestSchema", {
  role: "assistant",
  model: "none",
  content: { type: "text", text: "sampled" },
});
answer("elicitation/create", "ElicitRequestSchema", { action: "decline" });
answer("roots/list", "ListRootsRequestSchema", { roots: [{ uri: `file://${cwd}`, name: "work" }] });

const failure = ({ code, message }) => ({ error: { code, message } });
const call = ({ tool, prompt, resource, arguments: given, timeout_ms }) => {
  const options = timeout_ms ? { timeout: timeout_ms } : {};
  if (tool) {
    const call = { name: tool, arguments: given };
    return isOld ? client.callTool(call, undefined, options) : client.callTool(call, options);
  }
  return prompt ? client.getPrompt({ name: prompt, arguments: given }) : client.readResource({ uri: resource });
};
const ask = (step) => call(step).then((result) => ({ result }), failure);

await client.connect(new StdioClientTransport({ command, args, cwd, env, stderr: "ignore" }));
say({ client: info.name, server: client.getServerVersion().name });
if (client.getServerCapabilities().tools) {
  say({ tools: await client.listTools() });
}
for (const step of steps) {
  const answers = await Promise.all(Array.from({ length: step.at_once ?? 1 }, () => ask(step)));
  answers.forEach((one) => say({ step, ...one }));
}
await client.close();
asked.sort().forEach((method) => say({ asked: method }));
