import { expect, test } from "vitest";
import { callRanges, countEntries, entriesOf, entryAt } from "../data/entries";
import { mediaTime } from "../data/format";
import type { ActivityRecord, RecordingRecord } from "../data/records";
import { CastReader } from "../replay/cast";
import { MarkReader } from "../replay/marks";

const read = (events: unknown[]) => {
  const reader = new MarkReader();
  return events.flatMap((event) => reader.read(event)).map((one) => `${one.at} ${one.kind}: ${one.text}`);
};
const element = (id: number, tagName: string, attributes: object, ...childNodes: object[]) => ({
  type: 2,
  id,
  tagName,
  attributes,
  childNodes,
});
const text = (id: number, textContent: string) => ({ type: 3, id, textContent });
const snapshot = (...nodes: object[]) => ({
  type: 2,
  timestamp: 0,
  data: { node: { type: 0, id: 1, childNodes: [element(2, "body", {}, ...nodes)] } },
});
const incremental = (timestamp: number, data: object) => ({ type: 3, timestamp, data });
const click = (id: number) => incremental(5, { source: 2, type: 2, id });

test("clicks are named by the control around them, input by its field", () => {
  const page = snapshot(
    element(
      3,
      "button",
      { title: "not needed" },
      element(4, "svg", {}),
      element(5, "span", {}, text(6, "Pay\n now")),
    ),
    element(7, "input", { placeholder: "E-mail", name: "mail" }),
    element(8, "input", { type: "checkbox", "aria-label": "Terms" }),
  );
  expect(
    read([
      { type: 4, timestamp: 0, data: { href: "https://shop.example/" } },
      page,
      click(5),
      incremental(6, { source: 5, id: 7, text: "*" }),
      incremental(7, { source: 5, id: 7, text: "**" }),
      incremental(8, { source: 5, id: 8, text: "on", isChecked: true }),
      click(99),
    ]),
  ).toEqual([
    "0 navigation: https://shop.example/",
    "5 click: Click on button “Pay now”",
    "6 input: Input into input “E-mail”",
    "8 input: Check input “Terms”",
    "5 click: Click on an element",
  ]);
});

test("labels follow changes of the page", () => {
  const adds = [
    { parentId: 2, node: element(9, "a", {}) },
    { parentId: 9, node: text(10, "Sign in") },
  ];
  expect(
    read([
      snapshot(),
      incremental(1, { source: 0, adds }),
      click(9),
      incremental(2, { source: 0, texts: [{ id: 10, value: "Sign out" }] }),
      click(10),
    ]),
  ).toEqual(["5 click: Click on a “Sign in”", "5 click: Click on a “Sign out”"]);
});

test("console messages of rrweb's plugin are read, and errors are failures", () => {
  const payload = { level: "error", payload: ['"402:"', '{"code":402}'], trace: [] };
  const event = { type: 6, timestamp: 3, data: { plugin: "rrweb/console@1", payload } };
  expect(new MarkReader().read(event)).toEqual([
    { at: 3, kind: "error", text: 'error: 402: {"code":402}', failed: true },
  ]);
  const kinds = ["warn", "info", "assert"].map(
    (one) =>
      new MarkReader().read({ ...event, data: { ...event.data, payload: { ...payload, level: one } } })[0]
        ?.kind,
  );
  expect(kinds).toEqual(["warning", "console", "error"]);
});

test("forged events are harmless", () => {
  const looped = { ...element(3, "b", {}), childNodes: [{ id: 3, childNodes: [{ id: 2 }] }] };
  const odd = [
    null,
    7,
    {},
    { type: 3, timestamp: "x" },
    { type: 3, timestamp: 1 },
    { type: 2, timestamp: 1, data: 1 },
  ];
  expect(
    read([...odd, snapshot(looped), click(3), { type: 6, timestamp: 1, data: { plugin: 1 } }]),
  ).toHaveLength(1);
});

test("an asciicast is read across chunks, and sizes are limited", () => {
  const cast = new CastReader(1_000);
  expect(cast.read('{"version":2,"width":9e9,"height":24}\n[0.5,"o","a"]\n[1.0,')).toEqual([
    { at: 1_500, output: "a", size: null },
  ]);
  expect(cast.size).toEqual({ columns: 500, rows: 24 });
  expect(cast.read('"o","b"]\n[1.5,"r","100x30"]\n[1.6,"i","typed"]\n[2,"m",""]')).toEqual([
    { at: 2_000, output: "b", size: null },
    { at: 2_500, output: null, size: { columns: 100, rows: 30 } },
  ]);
  expect(cast.marks.map((one) => one.text)).toEqual(["Marker"]);
  expect(cast.last).toBe(3_000);
  expect(cast.read('[3,"o"]\nno json\n')).toEqual([]);
  expect(cast.damaged).toBe(2);
});

test("an asciicast of version 3 has intervals", () => {
  const cast = new CastReader(0);
  const events = cast.read(
    '{"version":3,"term":{"cols":90,"rows":20}}\n# note\n[0.5,"o","a"]\n[0.5,"o","b"]\n',
  );
  expect(cast.size).toEqual({ columns: 90, rows: 20 });
  expect(events.map((one) => one.at)).toEqual([500, 1_000]);
});

test("calls have ranges, and what happened is in order", () => {
  const started_at = "2026-01-01T00:00:01Z";
  const zero = Date.parse("2026-01-01T00:00:00Z");
  const call = {
    id: "a",
    name: "login",
    status: "failed",
    started_at,
    duration_ns: 2e9,
    error_type: "denied",
    message: "wrong\u202ecode",
  } as ActivityRecord;
  const links = [
    { activity: "a", from: started_at, until: null },
    { activity: "unknown", from: started_at, until: null },
  ];
  const ranges = callRanges({ links } as RecordingRecord, [call], zero + 9_000);
  expect(ranges).toEqual([{ activity: call, from: zero + 1_000, until: zero + 9_000 }]);
  const mark = { at: zero + 2_000, kind: "click" as const, text: "Click", failed: false };
  const entries = entriesOf(ranges, [call], [], [mark]);
  expect(entries.map((one) => one.text)).toEqual([
    "login",
    "Click",
    "login failed · denied · wrong\\u{202e}code",
  ]);
  expect([...countEntries(entries)]).toEqual([
    ["call", 1],
    ["click", 1],
  ]);
  expect([0, 1_000, 2_500, 9_000].map((at) => entryAt(entries, zero + at))).toEqual([-1, 0, 1, 2]);
});

test("positions have tenths in short recordings", () => {
  expect([0, 420, 59_990].map((ms) => mediaTime(ms, 420))).toEqual(["0:00.0", "0:00.4", "0:59.9"]);
  expect([42_400, 3_725_000].map((ms) => mediaTime(ms, 4_000_000))).toEqual(["0:42", "1:02:05"]);
});

test("a line over many chunks is read in linear time, also if each of them looks like its end", () => {
  const cast = new CastReader(0);
  const chunks = 20_000;
  const started = performance.now();
  expect(cast.read('[0.5,"o","')).toEqual([]);
  for (let n = 0; n < chunks; n += 1) {
    expect(cast.read("abcdefghi]")).toEqual([]);
  }
  expect(cast.read('"]')).toHaveLength(1);
  expect(cast.damaged).toBe(0);
  expect(performance.now() - started).toBeLessThan(2_000);
});
