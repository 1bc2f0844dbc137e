// The shapes of the API, as `src/web/api.md` has them.

export const STATUSES = ["running", "success", "failed", "cancelled", "skipped", "abandoned"] as const;
export type Status = (typeof STATUSES)[number];

export const KINDS = ["tool", "prompt", "resource", "http", "grpc", "job", "turn", "custom"] as const;

/** For whom and where. */
export interface Scope {
  project: string | null;
  agent: string | null;
  actor: string | null;
  brand: string | null;
  environment: string | null;
  session: string | null;
  request: string | null;
}

export interface Preview {
  text: string;
  bytes: number;
  truncated: boolean;
}

export interface Activity extends Scope {
  id: string;
  parent: string | null;
  root: string;
  trace_id: string;
  kind: string;
  name: string;
  status: Status;
  error_type: string | null;
  message: string | null;
  started_at: string;
  ended_at: string | null;
  duration_ns: number | null;
  attributes: Record<string, unknown>;
  truncated: boolean;
  input: Preview | null;
  output: Preview | null;
  has_recording: boolean;
  seq: number | null;
}

export interface Fact extends Scope {
  id: string;
  at: string;
  type: string;
  status: Status;
  summary: string | null;
  count: number;
  reference: string | null;
  data: unknown;
  activity: string | null;
  seq: number;
}

export interface Recording {
  id: string;
  format: string;
  status: string;
  lost: number;
  events: number;
  bytes: number;
  tracks: string[];
  started_at: string;
  ended_at: string | null;
  links: { activity: string; from: string; until: string | null }[];
}

/** An activity with what belongs to it, but for its tree, which comes page by page. */
export interface Details extends Activity {
  /** How many activities its tree has. */
  tree_size: number;
  events: Fact[];
  recordings: Recording[];
}

export interface Figures {
  count: number;
  failed: number;
  cancelled: number;
  mean_ns: number | null;
  p50_ns: number | null;
  p95_ns: number | null;
  p99_ns: number | null;
  max_ns: number | null;
  turns: number;
  turns_per_hour: number;
  mean_turn_ns: number | null;
  active_agents: number;
}

export interface Period {
  start: string;
  end: string;
}

export interface Metrics {
  window: Period;
  current: Figures;
  history: (Figures & Period)[];
  earlier: string | null;
  later: string | null;
}

export interface Ranking {
  window: Period;
  ranking: (Figures & { id: string })[];
}

export interface Types {
  window: Period;
  types: { type: string; events: number; failed: number; count: number }[];
}

/** Numbers of things, by what became of them. */
export type Counts = Record<string, number>;

export interface Accounting extends Record<string, number | Counts> {
  events: Counts;
  recordings: Counts;
}

export interface Instance {
  id: string;
  host: string;
  pid: number;
  started_at: string;
  stopped_at: string | null;
  alive: boolean;
  saved_at: string | null;
  accounting: Accounting;
}

/** How fast the store grows, and by what. */
export interface Growth {
  activities_per_day: number;
  events_per_day: number;
  chunks_per_day: number;
  fields: { of: string; field: string; mean_bytes: number; bytes_per_day: number }[];
}

/** The last comparison of the ledger with the rows, by upkeep. */
export interface LastCheck {
  finished_at: string;
  missing: number;
  surplus: number;
  /** When the last check began that found every row. */
  complete_at: string | null;
}

export interface Health {
  ok: boolean;
  accounting: Accounting | null;
  retention: Record<string, number | null> | null;
  schema: number;
  activities: number;
  events: number;
  running: number;
  abandoned: number;
  bytes: number;
  last_check: LastCheck | null;
  /** What the index for searching has not come to yet. */
  unindexed: number;
  growth: Growth;
  instances: Instance[];
  /** `null` where they cannot be read; missing where the server knows of none. */
  webhooks?: Webhook[] | null;
}

/** A webhook, and how it stands. */
export interface Webhook {
  name: string;
  url: string;
  what: string;
  filter: string;
  behind: number;
  delivered: number;
  delivered_at: string | null;
  dead_letters: number;
  trouble: string | null;
  trouble_since: string | null;
  again_at: string | null;
  stopped_at: string | null;
}
