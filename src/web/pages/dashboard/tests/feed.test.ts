import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Feed, type Row } from "../data/feed";

/** Returns a row. IDs sort by time, as those of records do. */
const row = (n: number, seq: number | null = n): Row => ({ id: String(n).padStart(6, "0"), seq });
const ids = (feed: Feed<Row>) => feed.rows.map((one) => Number(one.id));
const range = (from: number, down: number) => Array.from({ length: from - down + 1 }, (_, n) => from - n);

/** The rows of the server, newest first; a cursor is the number of rows before it. */
let stored: Row[] = [];
/** The requests that were sent. */
let asked: string[] = [];

beforeEach(() => {
  vi.stubGlobal("EventSource", EventTarget);
  vi.stubGlobal("document", { hidden: true, addEventListener: () => undefined });
  asked = [];
  vi.stubGlobal("fetch", async (url: string) => {
    asked.push(url);
    const query = new URL(url, "http://x").searchParams;
    const [at, limit] = [Number(query.get("cursor") ?? 0), Number(query.get("limit"))];
    const next = at + limit < stored.length ? String(at + limit) : null;
    return new Response(JSON.stringify({ activities: stored.slice(at, at + limit), next }));
  });
});
afterEach(() => vi.unstubAllGlobals());

async function loaded(n: number): Promise<Feed<Row>> {
  stored = range(n, 1).map((one) => row(one));
  const feed = new Feed<Row>("activities", "");
  feed.watch(() => undefined);
  await vi.waitFor(() => expect(feed.loading).toBe(false), { interval: 1 });
  return feed;
}

async function more(feed: Feed<Row>): Promise<void> {
  feed.more();
  await vi.waitFor(() => expect(feed.loading).toBe(false), { interval: 1 });
}

test("new rows wait while the list is held, and changes of shown rows do not", async () => {
  const feed = await loaded(3);
  feed.insert(row(4, null));
  feed.hold(true);
  feed.insert(row(5));
  feed.insert(row(6, null));
  feed.insert(row(6));
  feed.insert(row(4));
  expect(ids(feed)).toEqual([4, 3, 2, 1]);
  expect(feed.rows[0]?.seq).toBe(4);
  expect(feed.held).toBe(2);
  feed.release();
  expect(ids(feed)).toEqual([6, 5, 4, 3, 2, 1]);
  expect(feed.rows[0]?.seq).toBe(6);
  feed.insert(row(7));
  expect(feed.held).toBe(1);
  feed.hold(false);
  expect(ids(feed)[0]).toBe(7);
});

test("a reload keeps the pages that are loaded, and has new rows wait while the list is held", async () => {
  const feed = await loaded(200);
  await more(feed);
  expect(ids(feed)).toEqual(range(200, 101));
  feed.hold(true);
  stored = range(210, 1).map((one) => row(one));
  feed.reload();
  await vi.waitFor(() => expect(feed.held).toBe(10));
  expect(ids(feed)).toEqual(range(200, 111));
  feed.release();
  expect(ids(feed)).toEqual(range(210, 111));
});

test("a held list stays when the reload does not reach down to it", async () => {
  const feed = await loaded(60);
  feed.hold(true);
  stored = range(500, 1).map((one) => row(one));
  feed.reload();
  await vi.waitFor(() => expect(feed.held).toBe(50));
  expect([ids(feed)[0], feed.heldMore]).toEqual([60, true]);
  feed.insert(row(501));
  feed.release();
  expect(ids(feed)).toEqual(range(501, 451));
  await more(feed);
  expect(ids(feed)).toEqual(range(501, 401));
});

test("a reload that was asked for beside another request reloads what that one has loaded", async () => {
  const feed = await loaded(200);
  feed.more();
  feed.reload();
  await vi.waitFor(() => expect(asked.length).toBe(3));
  await vi.waitFor(() => expect(feed.loading).toBe(false), { interval: 1 });
  expect(ids(feed)).toEqual(range(200, 101));
});

test("rows that a list has dropped because it was too long are loaded again", async () => {
  const feed = await loaded(4_000);
  for (let page = 0; page < 64; page += 1) {
    await more(feed);
  }
  expect(ids(feed)).toEqual(range(4_000, 751));
  feed.insert(row(4_001));
  expect(feed.rows.length).toBeLessThanOrEqual(3_000);
  const kept = ids(feed).at(-1) ?? 0;
  await more(feed);
  expect(ids(feed)).toEqual(range(4_001, kept - 50));
});

test("rows that arrive while a page is loading stay", async () => {
  stored = range(3, 1).map((one) => row(one));
  const feed = new Feed<Row>("activities", "");
  feed.watch(() => undefined);
  feed.insert(row(4));
  await vi.waitFor(() => expect(feed.loading).toBe(false), { interval: 1 });
  expect(ids(feed)).toEqual([4, 3, 2, 1]);
});
