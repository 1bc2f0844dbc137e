import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Problem } from "../data/api";
import { Requests } from "../data/requests";

/** A request whose answer the test gives. */
function request(requests: Requests, name: string, log: string[]) {
  let resolve: (text: string) => void = () => undefined;
  const answer = new Promise<string>((take) => {
    resolve = take;
  });
  const signals: AbortSignal[] = [];
  requests.send({
    load: (signal) => {
      signals.push(signal);
      log.push(`sent ${name}`);
      return answer;
    },
    done: (text) => log.push(`done ${text}`),
    failed: (problem) => log.push(`failed ${problem.message}`),
  });
  return { resolve, signals };
}

beforeEach(() => {
  vi.useFakeTimers();
  // It connects to nothing.
  vi.stubGlobal("EventSource", EventTarget);
  vi.stubGlobal("document", {
    hidden: true,
    addEventListener: () => undefined,
    removeEventListener: () => undefined,
  });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("a request follows the one in flight, and of those that wait only the last is sent", async () => {
  const log: string[] = [];
  const requests = new Requests();
  const first = request(requests, "first", log);
  request(requests, "second", log);
  const third = request(requests, "third", log);
  expect(log).toEqual(["sent first"]);
  first.resolve("first");
  await vi.runAllTimersAsync();
  third.resolve("third");
  await vi.runAllTimersAsync();
  expect(log).toEqual(["sent first", "done first", "sent third", "done third"]);
  expect(first.signals[0]?.aborted).toBe(false);
});

test("the answer to a request that was stopped changes nothing", async () => {
  const log: string[] = [];
  const requests = new Requests();
  const first = request(requests, "first", log);
  requests.stop();
  expect(first.signals[0]?.aborted).toBe(true);
  const second = request(requests, "second", log);
  first.resolve("first");
  second.resolve("second");
  await vi.runAllTimersAsync();
  expect(log).toEqual(["sent first", "sent second", "done second"]);
});

test.each([
  [new Problem("no response", 0, "unreachable"), true],
  [new Problem("busy", 503, "busy"), true],
  [new Problem("gateway", 502, "unknown"), true],
  [new Problem("narrow the query", 503, "too_slow"), false],
  [new Problem("not a filter", 400, "bad_filter"), false],
  [new Problem("gone", 404, "not_found"), false],
])("a request is repeated after %s: %s", async (problem, repeated) => {
  vi.stubGlobal("document", { hidden: false, removeEventListener: () => undefined });
  const log: string[] = [];
  const requests = new Requests();
  let answers = 0;
  requests.send({
    load: () => {
      answers += 1;
      return answers < 3 ? Promise.reject(problem) : Promise.resolve("answer");
    },
    done: (text) => log.push(text),
    failed: () => log.push("failed"),
  });
  await vi.advanceTimersByTimeAsync(60_000);
  expect(log).toEqual(repeated ? ["failed", "failed", "answer"] : ["failed"]);
});

test("nothing is repeated while the document is hidden", async () => {
  const requests = new Requests();
  let sent = 0;
  requests.send({
    load: () => {
      sent += 1;
      return Promise.reject(new Problem("no response", 0, "unreachable"));
    },
    done: () => undefined,
    failed: () => undefined,
  });
  await vi.advanceTimersByTimeAsync(600_000);
  expect(sent).toBe(1);
});
