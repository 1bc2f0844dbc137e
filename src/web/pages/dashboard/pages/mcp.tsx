import { apiUrl, getJson } from "../data/api";
import { narrowed } from "../data/counted";
import { ago, instant, unknownPart } from "../data/dates";
import { count, duration, percent, plural } from "../data/format";
import { useLoad } from "../data/load";
import { callsHref } from "../data/mcp";
import type { McpUse } from "../data/records";
import { href, navigate, type Params } from "../data/route";
import { shownTime } from "../data/window";
import { Copy } from "../parts/copy";
import { FilterBar } from "../parts/filterbar";
import { Empty, LoadError, Skeleton } from "../parts/states";
import { useNow } from "../parts/time";
import { WindowChoice } from "../parts/windowchoice";
import { Clients, Missing, Reasons, Servers, type Tables, Tools } from "./mcptables";

const GUIDE = "https://github.com/tower-activity/tower-activity/blob/main/docs/mcp.md";
const CONFIG = `{"mcpServers": {"files": {
  "command": "activity",
  "args": ["proxy", "--", "npx", "-y", "@modelcontextprotocol/server-filesystem", "."]}}}`;
/** Calls from which on the page is loaded less often. */
const MANY = 50_000;

/** MCP calls of a window: servers, clients, tools, what models missed and why they called. */
export function McpPage({ params }: { params: Params }) {
  const time = shownTime(params, Date.now());
  const { q = "" } = params;
  const query = { ...time.query, q };
  const { data, problem, reload } = useLoad(
    apiUrl("mcp", query),
    (signal) => getJson<McpUse>("mcp", query, signal),
    // Many calls take long to read.
    (mcp) => (time.present ? { changing: (mcp?.calls.count ?? 0) > MANY ? 60_000 : 10_000 } : null),
  );
  const put = (changes: Record<string, string | null | undefined>) => href("mcp", { ...params, ...changes });
  const bad = problem?.code === "bad_filter" || problem?.code === "invalid";
  return (
    <>
      <header class="page-head">
        <h1>MCP</h1>
        <div class="spacer" />
        <WindowChoice time={time} shown={data} put={put} />
      </header>
      <FilterBar
        page="mcp"
        q={q}
        without={["type", "since", "until"]}
        problem={bad ? problem : null}
        placeholder="Filter: attr.mcp.server.name:files name:read* project:acme …"
        onChange={(to) => navigate(put({ q: to }))}
      />
      {data !== null ? (
        <Loaded mcp={data} params={params} q={q} />
      ) : problem === null ? (
        <Skeleton what="the MCP calls" rows={8} />
      ) : bad ? (
        <Empty title="Invalid filter">
          <p>Correct it above or clear it.</p>
        </Empty>
      ) : (
        <LoadError what="the MCP calls" problem={problem} retry={reload} />
      )}
    </>
  );
}

function Loaded({ mcp, params, q }: { mcp: McpUse; params: Params; q: string }) {
  const now = useNow(false);
  const { calls, unknown } = mcp;
  const put = (changes: Record<string, string | null | undefined>) => href("mcp", { ...params, ...changes });
  const tables: Tables = {
    mcp,
    all: params.all,
    now,
    list: (...terms) => callsHref(q, mcp.methods, mcp.counted, ...terms),
    narrow: (...terms) => put({ q: narrowed(q, ...terms), all: null }),
    expand: (list) => put({ all: list }),
  };
  const notice = unknown !== null && <p class="notice">{unknownPart(unknown)}.</p>;
  if (calls.count === 0) {
    return (
      <>
        {notice}
        {unknown === null && <NoCalls q={q} everything={put({ q: null })} />}
      </>
    );
  }
  return (
    <>
      {notice}
      <p class="mcp-sum">
        <a href={tables.list()}>{plural(calls.count, "call")}</a>
        {" · "}
        {calls.failed > 0 ? (
          <>
            <a class="bad" href={tables.list("status:failed")}>
              {count(calls.failed)} failed
            </a>{" "}
            <span class="dim">{percent(calls.failed, calls.count)}</span>
          </>
        ) : (
          <span class="dim">0 failed</span>
        )}
        {" · "}
        <span title="Median and 95th percentile of durations">
          p50 {duration(calls.p50_ns)} · p95 {duration(calls.p95_ns)}
        </span>
        {calls.last_seen !== null && (
          <>
            {" · "}
            <span title={instant(calls.last_seen)}>last {ago(calls.last_seen, now)}</span>
          </>
        )}
      </p>
      <Tools {...tables} />
      <div class="mcp-halves">
        <Servers {...tables} />
        <Clients {...tables} />
        <Missing {...tables} />
        <Reasons {...tables} />
      </div>
    </>
  );
}

function NoCalls({ q, everything }: { q: string; everything: string }) {
  if (q !== "") {
    return (
      <Empty title="No MCP call in this period matches">
        <p>
          <a href={everything}>All MCP calls</a>
        </p>
      </Empty>
    );
  }
  return (
    <Empty title="No MCP calls in this period">
      <p>
        To record the calls of any server, put <code>activity proxy --</code> before its command, in the
        configuration of its client:
      </p>
      <pre class="code first-code" role="group" tabIndex={0} aria-label="Example">
        {CONFIG}
      </pre>
      <p>
        <Copy text={CONFIG}>Copy configuration</Copy>
      </p>
      <p>
        A server in Rust can record itself, with rmcp or tower-mcp: see the{" "}
        <a href={GUIDE} rel="noreferrer">
          guide to MCP
        </a>
        .
      </p>
    </Empty>
  );
}
