// Values of fields that occur in the store.

import { useState } from "preact/hooks";
import { getJson } from "./api";
import { useLoad } from "./load";
import type { Ranking } from "./records";

/** Fields that have metrics. */
export const SCOPES = ["project", "agent", "name", "brand"] as const;

type Values = Record<string, readonly string[]>;

async function load(signal: AbortSignal): Promise<Values> {
  const lists = SCOPES.map(async (scope) => {
    const answer = await getJson<Ranking>(`metrics/${scope}s`, { window: "month" }, signal);
    return [scope, answer.ranking.slice(0, 100).map((one) => one.id)] as const;
  });
  return Object.fromEntries(await Promise.all(lists));
}

/**
 * Values of the fields that have metrics, for completion and the choice of a scope. They are loaded when they are asked for: a
 * month's ranking of some thousand agents takes seconds, and most views of a page need none.
 */
export function useKnown(): [Values, ask: () => void] {
  const [asked, setAsked] = useState(false);
  const { data } = useLoad<Values>(asked ? "known" : "known, not asked", (signal) =>
    asked ? load(signal) : Promise.resolve({}),
  );
  return [data ?? {}, () => setAsked(true)];
}
