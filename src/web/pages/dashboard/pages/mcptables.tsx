// The tables of the page MCP.

import type { ComponentChildren } from "preact";
import { exactly } from "../data/counted";
import { ago, instant } from "../data/dates";
import { count, duration, percent, plural } from "../data/format";
import { attribute } from "../data/mcp";
import { escaped, printable } from "../data/names";
import type { CallFigures, McpTool, McpUse } from "../data/records";
import { href, replace } from "../data/route";
import { Name } from "../parts/name";

/** What the tables have in common. */
export interface Tables {
  mcp: McpUse;
  /** The table that shows all its rows. */
  all: string | undefined;
  /** The current time. */
  now: number;
  /** Returns the address of the list of calls that fulfil these terms, too. */
  list: (...terms: string[]) => string;
  /** Returns the address of the page for these terms. */
  narrow: (...terms: string[]) => string;
  /** Returns the address of the page with all rows of a table. */
  expand: (table: string | null) => string;
}

/** Rows to show at first. */
const ROWS = 10;
/** The most rows that the server tells apart. */
const MOST_GROUPS = 10_000;

const KINDS: Readonly<Record<string, string>> = { "prompts/get": "prompt", "resources/read": "resource" };
const WITH_REASON = "attr.mcp.intent:*";

export function Tools(tables: Tables) {
  const { mcp, now, list, narrow } = tables;
  const named = mcp.servers.some(({ name }) => name !== null);
  return (
    <Table
      {...tables}
      id="tools"
      title="Tools"
      rows={mcp.tools}
      total={mcp.tool_count}
      columns={["Tool", "Calls", "Errors", "Error types", "p50", "p95", "Last call"]}
      rare={["Error types", "p50", "Last call"]}
    >
      {(tool) => {
        const terms = termsOf(tool);
        return (
          <tr key={terms.join(" ")}>
            <th scope="row">
              <Narrow to={narrow(...terms)}>
                <Name text={tool.name} />
              </Narrow>
              {KINDS[tool.method] !== undefined && <span class="tag mcp-kind">{KINDS[tool.method]}</span>}
              {(named || tool.reasons > 0) && (
                <span class="mcp-of dim">
                  {named && (
                    <span class="mcp-name">
                      {tool.server === null ? "server without a name" : <Name text={tool.server} />}
                    </span>
                  )}
                  {tool.reasons > 0 && (
                    <a href={list(...terms, WITH_REASON)}>{plural(tool.reasons, "reason")}</a>
                  )}
                </span>
              )}
            </th>
            <Calls figures={tool} list={list} terms={terms} />
            <td class="wide-only mcp-errors">
              {tool.errors.map((one) => (
                <a
                  key={one.error_type}
                  href={list(...terms, "status:failed", exactly("error", one.error_type))}
                  title={printable(one.error_type)}
                >
                  <span class="mcp-error">
                    <Name text={one.error_type} />
                  </span>{" "}
                  {count(one.count)}
                </a>
              ))}
            </td>
            <td class="right num wide-only">{duration(tool.p50_ns)}</td>
            <td class="right num">{duration(tool.p95_ns)}</td>
            <LastSeen figures={tool} now={now} />
          </tr>
        );
      }}
    </Table>
  );
}

function termsOf(tool: McpTool): string[] {
  return [
    attribute("mcp.server.name", tool.server),
    exactly("attr.mcp.method.name", tool.method),
    exactly("name", tool.name),
  ];
}

export function Servers(tables: Tables) {
  const { mcp, now, list, narrow } = tables;
  return (
    <Table
      {...tables}
      id="servers"
      title="Servers"
      rows={mcp.servers}
      total={mcp.server_count}
      columns={["Server", "Calls", "Errors", "p50", "p95", "Last call"]}
      rare={["p50", "Last call"]}
    >
      {(server) => {
        const term = attribute("mcp.server.name", server.name);
        return (
          <tr key={term}>
            <th scope="row">
              <Narrow to={narrow(term)}>
                {server.name === null ? (
                  <span class="unnamed" title="Servers that record themselves do not record their name">
                    without a name
                  </span>
                ) : (
                  <Name text={server.name} />
                )}
              </Narrow>
            </th>
            <Calls figures={server} list={list} terms={[term]} />
            <td class="right num wide-only">{duration(server.p50_ns)}</td>
            <td class="right num">{duration(server.p95_ns)}</td>
            <LastSeen figures={server} now={now} />
          </tr>
        );
      }}
    </Table>
  );
}

export function Clients(tables: Tables) {
  const { mcp, now, list, narrow } = tables;
  return (
    <Table
      {...tables}
      id="clients"
      title="Clients"
      rows={mcp.clients}
      total={mcp.client_count}
      columns={["Client", "Calls", "Errors", "p95", "Last call"]}
      rare={["Last call"]}
    >
      {(client) => {
        const terms = [
          attribute("mcp.client.name", client.name),
          attribute("mcp.client.version", client.version),
        ];
        return (
          <tr key={terms.join(" ")}>
            <th scope="row">
              <span class="mcp-client">
                <Narrow to={narrow(...terms)}>
                  {client.name === null ? (
                    <span class="unnamed">without a name</span>
                  ) : (
                    <Name text={client.name} />
                  )}
                </Narrow>
                <span class="mcp-version dim">
                  {client.version === null ? "no version" : <Name text={client.version} />}
                </span>
              </span>
            </th>
            <Calls figures={client} list={list} terms={terms} />
            <td class="right num">{duration(client.p95_ns)}</td>
            <LastSeen figures={client} now={now} />
          </tr>
        );
      }}
    </Table>
  );
}

/** What models missed, as they reported it. */
export function Missing(tables: Tables) {
  const { mcp, now, list } = tables;
  if (mcp.missing_count === 0) {
    return null;
  }
  return (
    <Table
      {...tables}
      id="missing"
      title="Missing tools"
      rows={mcp.missing}
      total={mcp.missing_count}
      columns={["Models missed", "Reports", "Last"]}
      rare={[]}
    >
      {(missing) => {
        const reports = list(attribute("mcp.missing_tool", missing.text));
        return (
          <tr key={missing.text}>
            <th scope="row" class="mcp-text">
              <a href={href("activity", { id: missing.last })} title="Open the last report">
                <Text text={missing.text} />
              </a>
            </th>
            <td class="right num">
              <a href={reports} title={`List ${plural(missing.count, "report")}`}>
                {count(missing.count)}
              </a>
            </td>
            <td class="right num dim" title={instant(missing.last_seen)}>
              {ago(missing.last_seen, now)}
            </td>
          </tr>
        );
      }}
    </Table>
  );
}

/** Why callers made their calls, as they said. */
export function Reasons(tables: Tables) {
  const { mcp, now, list, all, expand } = tables;
  if (mcp.reason_count === 0) {
    return null;
  }
  const rows = all === "reasons" ? mcp.reasons : mcp.reasons.slice(0, ROWS);
  return (
    <section class="panel" aria-labelledby="reasons">
      <div class="panel-head">
        <h2 id="reasons">Reasons</h2>
        <p class="dim mcp-sum">
          newest of <a href={list(WITH_REASON)}>{plural(mcp.reason_count, "call")}</a> with a reason
        </p>
      </div>
      <ol class="mcp-reasons" aria-label="Reasons, newest first">
        {rows.map((reason) => (
          <li key={reason.activity}>
            <a href={href("activity", { id: reason.activity })}>
              <Text text={reason.text} />
            </a>
            <span class="mcp-of dim">
              <span class="mcp-name">
                <Name text={reason.name} />
              </span>
              {reason.failed && <span class="bad">failed</span>}
              <span title={instant(reason.started_at)}>{ago(reason.started_at, now)}</span>
            </span>
          </li>
        ))}
      </ol>
      <Rest
        id="reasons"
        shown={rows.length}
        loaded={mcp.reasons.length}
        total={mcp.reason_count}
        all={all}
        expand={expand}
      />
    </section>
  );
}

/** A text of several words, cut after some lines. */
function Text({ text }: { text: string }) {
  return (
    <bdi class="mcp-lines" title={escaped(text).slice(0, 500)}>
      {text === "" ? <span class="unnamed">(empty)</span> : printable(text)}
    </bdi>
  );
}

interface TableProps<T> extends Tables {
  id: string;
  title: string;
  rows: readonly T[];
  total: number;
  columns: readonly string[];
  /** Columns without room on a narrow screen. */
  rare: readonly string[];
  children: (row: T) => ComponentChildren;
}

function Table<T>({ id, title, rows, total, columns, rare, all, expand, children }: TableProps<T>) {
  const shown = all === id ? rows : rows.slice(0, ROWS);
  return (
    <section class="panel" aria-labelledby={id}>
      <div class="panel-head">
        <h2 id={id}>{title}</h2>
        <p class="dim num">{groups(total)}</p>
      </div>
      <div class="table-scroll" role="group" tabIndex={0} aria-label={title}>
        <table class="figures">
          <thead>
            <tr>
              {columns.map((label, n) => (
                <th
                  scope="col"
                  key={label}
                  class={`${n > 0 && label !== "Error types" ? "right" : ""} ${rare.includes(label) ? "wide-only" : ""}`}
                >
                  {label}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>{shown.map(children)}</tbody>
        </table>
      </div>
      <Rest id={id} shown={shown.length} loaded={rows.length} total={total} all={all} expand={expand} />
    </section>
  );
}

interface RestProps extends Pick<Tables, "all" | "expand"> {
  id: string;
  shown: number;
  loaded: number;
  total: number;
}

/** What a table does not show. */
function Rest({ id, shown, loaded, total, all, expand }: RestProps) {
  const isOpen = all === id;
  return (
    <>
      {loaded > ROWS && (
        <p class="quiet">
          <button type="button" class="button" onClick={() => replace(expand(isOpen ? null : id))}>
            {isOpen
              ? `Show the first ${ROWS}`
              : total > loaded
                ? `Show ${count(loaded)} of ${count(total)}`
                : `Show all ${count(loaded)}`}
          </button>
        </p>
      )}
      {shown === loaded && total > loaded && (
        <p class="dim quiet">… and {count(total - loaded)} more. Narrow the filter to see them.</p>
      )}
    </>
  );
}

/** A number of groups, of which the server tells apart a limited number. */
const groups = (n: number) => `${count(n)}${n >= MOST_GROUPS ? "+" : ""}`;

function Narrow({ to, children }: { to: string; children: ComponentChildren }) {
  return (
    <a class="narrow" href={to} title="Show only these calls on this page">
      <svg viewBox="0 0 12 12" width="11" height="11" class="narrow-icon" aria-hidden="true">
        <path d="M1 1.5h10L7.2 6v4.5L4.8 9V6Z" />
      </svg>
      {children}
    </a>
  );
}

function Calls({ figures, list, terms }: { figures: CallFigures; list: Tables["list"]; terms: string[] }) {
  const { count: all, failed } = figures;
  return (
    <>
      <td class="right num">
        <a href={list(...terms)} title={`List ${plural(all, "call")}`}>
          {count(all)}
        </a>
      </td>
      {failed > 0 ? (
        <td class="right num bad">
          <a href={list(...terms, "status:failed")} title={`List ${count(failed)} failed`}>
            {count(failed)}
          </a>{" "}
          <span class="dim wide-only">{percent(failed, all)}</span>
        </td>
      ) : (
        <td class="right num dim">0</td>
      )}
    </>
  );
}

function LastSeen({ figures, now }: { figures: CallFigures; now: number }) {
  return (
    <td class="right num dim wide-only" title={figures.last_seen === null ? "" : instant(figures.last_seen)}>
      {figures.last_seen === null ? "–" : ago(figures.last_seen, now)}
    </td>
  );
}
