// A client of the API. URLs are relative to the pages, so that any prefix works.

import { ZONE } from "./dates";
import { parseRecords } from "./json";
import type { Problem as ProblemBody } from "./records";

/** A failed request: the problem that the API returned, or why there is none. */
export class Problem extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly code: string,
    readonly help: string | null = null,
    /** The invalid part of the filter, in code points. */
    readonly span: readonly [number, number] | null = null,
  ) {
    super(message);
  }
}

export type Query = Record<string, string | number | null | undefined>;

/**
 * Returns the URL of a resource. Parameters without a value are omitted. Days and times in a filter are those of the viewer's
 * time zone.
 */
export function apiUrl(path: string, query: Query = {}): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") {
      params.set(name, String(value));
    }
  }
  if (params.has("q")) {
    params.set("tz", ZONE);
  }
  const text = params.toString();
  return text === "" ? `api/${path}` : `api/${path}?${text}`;
}

/** Encodes a path segment. */
export function segment(id: string): string {
  return encodeURIComponent(id);
}

/** Milliseconds to wait for an answer: longer than the server lets a query run. */
const TIMEOUT = 30_000;

/** Fetches JSON. It fails if there is no answer in time, so that a server that has stopped is noticed. */
export async function getJson<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  const stop = new AbortController();
  const abort = () => stop.abort();
  const timer = setTimeout(abort, TIMEOUT);
  signal?.addEventListener("abort", abort);
  try {
    const response = await request(path, query, stop.signal);
    return parseRecords(await response.text()) as T;
  } catch (cause) {
    throw stop.signal.aborted && !signal?.aborted ? unreachable() : cause;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}

/** Fetches newline-delimited JSON. */
export async function getLines<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T[]> {
  const text = await (await request(path, query, signal)).text();
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as T);
}

/** Whether a request was accepted: without one, loading the document again would not help. */
let isSignedIn = false;

async function request(path: string, query: Query, signal?: AbortSignal): Promise<Response> {
  const url = apiUrl(path, query);
  let response: Response;
  try {
    response = await fetch(url, signal ? { signal } : {});
  } catch (cause) {
    throw signal?.aborted ? cause : unreachable();
  }
  if (response.ok) {
    isSignedIn = true;
    return response;
  }
  if (response.status === 401 && isSignedIn) {
    // The token has expired or was revoked: the server has a form for it, which leads back here.
    location.reload();
  }
  throw await problem(response);
}

function unreachable(): Problem {
  return new Problem("no response from the server", 0, "unreachable", "is it still running?");
}

async function problem(response: Response): Promise<Problem> {
  try {
    const body = (await response.json()) as ProblemBody;
    const [start, end] = body.span ?? [];
    const span = start === undefined || end === undefined ? null : ([start, end] as const);
    const detail = body.error_id
      ? `${body.detail} (error ${body.error_id} in the server’s log)`
      : body.detail;
    return new Problem(detail, response.status, body.code, body.help ?? null, span);
  } catch {
    return new Problem(`the server responded with status ${response.status}`, response.status, "unknown");
  }
}
