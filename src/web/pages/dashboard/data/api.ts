// Asks the API beside the pages. All addresses are relative to where the pages are, whatever the prefix.

/** Why there is no answer. */
export class Problem extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly code: string,
    readonly help: string | null = null,
    /** Which characters of the filter are wrong. */
    readonly span: readonly [number, number] | null = null,
  ) {
    super(message);
  }
}

export type Query = Record<string, string | number | null | undefined>;

/** The address of something in the API. What has no value is left out. */
export function address(path: string, query: Query = {}): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") {
      params.set(name, String(value));
    }
  }
  const text = params.toString();
  return text === "" ? `api/${path}` : `api/${path}?${text}`;
}

/** A part of a path that may have any characters. */
export function part(id: string): string {
  return encodeURIComponent(id);
}

export async function ask<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  const response = await request(path, query, signal);
  return (await response.json()) as T;
}

/** Asks for lines of JSON. */
export async function askLines<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T[]> {
  const text = await (await request(path, query, signal)).text();
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as T);
}

async function request(path: string, query: Query, signal?: AbortSignal): Promise<Response> {
  const at = address(path, query);
  let response: Response;
  try {
    response = await fetch(at, signal ? { signal } : {});
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === "AbortError") {
      throw cause;
    }
    throw new Problem("the server did not answer", 0, "unreachable", "Is it still running?");
  }
  if (response.ok) {
    return response;
  }
  throw await problem(response);
}

async function problem(response: Response): Promise<Problem> {
  try {
    const said = (await response.json()) as {
      detail: string;
      code: string;
      help?: string;
      span?: [number, number];
    };
    return new Problem(said.detail, response.status, said.code, said.help ?? null, said.span ?? null);
  } catch {
    return new Problem(`the server answered ${response.status}`, response.status, "unknown");
  }
}
