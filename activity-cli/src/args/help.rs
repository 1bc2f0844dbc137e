//! The text below the options of `--help`: examples and explanations.
//!
//! Lines that begin with a space are preformatted for 80 columns; clap wraps the others.

pub(super) const LIST: &str = "\
Examples:
  activity list                            calls at the top level
  activity list status:failed since:24h    anywhere
  activity list 'kind:tool name:login* duration:>2s'
  activity list --sort duration since:24h --fields id,duration,name,attr.rows
  activity list --json -n 1000 project:acme | jq .duration_ns

Only the top level is listed if the filter is empty or consists of project, agent, actor, brand, env, session, since and \
until: activities inside another one that matches are left out, and its INSIDE counts all that ran inside it, with the failures. Any \
other filter searches all activities, and so do --all and --json; `is:root` restricts it to those without a parent. --sort duration \
reads the durations of all activities that match: `since:` limits them.";

pub(super) const SHOW: &str = "\
Examples:
  activity show 0199e5a2
  activity show @                          the newest of `activity list`
  activity show @~1 --web                  the one before, in a browser
  activity show 0199e5a2-7c00-7d --json | jq .tree

Activities that repeat below the same parent are one line; failures stay lines of their own.";

pub(super) const TOP: &str = "\
Examples:
  activity top
  activity top project:acme --interval 5
  activity top --once                      one view, for a script or a log
  activity top --json | jq .per_second

Rates, failures and durations are those of the calls that ended in the last minute, as they were committed. q or ctrl-c ends it.";

pub(super) const TAIL: &str = "\
Examples:
  activity tail
  activity tail -n 0 status:failed --json | my-alarm";

pub(super) const EVENT: &str = "\
Examples:
  activity event deployment 'v3 live' --project acme --env production
  activity event github_push '3 commits' --count 3 --ref \"$GITHUB_SHA\"
  activity event webhook 'order paid' --dedup-key \"$DELIVERY_ID\"
  activity event backup 'disk full' --status failed --data '{\"host\": \"db-1\"}'";

pub(super) const EVENTS: &str = "\
Examples:
  activity events type:deployment env:production
  activity events actor:ann since:7d -type:chat_session
  activity events 'type:*'                 log lines (type `log`), too

Log lines are left out unless the filter has a `type:`.";

pub(super) const SERVE: &str = "\
Examples:
  activity serve
  activity --store /srv/app/activity.db serve --listen 127.0.0.1:9000
  activity serve --open
  activity serve --listen 0.0.0.0:8787 --token
  activity serve --listen 0.0.0.0:8787 --token-file token.txt

Readers with tokens of their own, each limited to a filter: see `activity token create`. A browser that --open starts gets no \
token: other users would see it in the list of processes. Follow the printed link.";

pub(super) const BACKUP: &str = "\
Examples:
  activity backup monday.db
  activity --store monday.db list

The copy is complete in this one file. To restore it, stop the programs that record, move activity.db, activity.db-wal \
and activity.db-shm away, and copy it to activity.db.";

pub(super) const REBUILD: &str = "\
Examples:
  activity rebuild

Statistics of periods whose activities were pruned are kept. Statistics older than their retention limit are deleted \
again; to keep them, run `activity retention --sums forever` first. Missing or altered indexes, triggers and views are \
recreated. Other processes may record meanwhile.";

pub(super) const RECORDING: &str = "\
Examples:
  activity recording 0199e5a2-7c00-7d -o session.ndjson
  activity recording 0199e5a2-7c00-7d --follow
  activity recording @ > newest.ndjson";

pub(super) const DOCTOR: &str = "\
Examples:
  activity doctor
  activity doctor --json | jq .instances
  activity doctor --accept

It compares the rows that each process committed, minus the pruned and erased ones, with the rows in the file. If rows \
are missing, it reports how many and since when, and exits with code 1. If another program deleted or inserted rows on \
purpose, --accept records the difference, with its time, in the file's ledger. Other processes may record meanwhile.";

pub(super) const FILTERS: &str = "\
Filters:
  status:failed,running     also success, cancelled, skipped, abandoned
  kind:tool name:login*     * matches any characters
  project:acme              also agent, actor, brand, env, session, request
  project:=Acme             = makes the case matter
  error:denied              error type
  attr.rows:42              attribute; also x*, >100, <=1.5, 1..5, any: *
  since:24h                 also until:2026-02-18, today, yesterday, 14:00
  duration:>2s              also >=, <, <= and 1s..5s
  has:error                 also input, output, message, parent, …
  is:root                   without a parent
  -env:dev                  - excludes
  no such us* \"in a row\"    words in names, messages, errors, payloads,
                            attributes, projects, agents, actors and brands

Fields are combined with AND, the values of one field with OR. Attributes with a comparison or a star are searched row by \
row. Days and times are in the time zone of --tz. In a shell, quote filters that contain quotes, stars or comparisons: \
'actor:\"Ann B\" duration:>2s'.";

pub(super) const FIELDS: &str = "\
Fields:
  id, status, age, started, ended, duration, inside, kind, name, project,
  agent, brand, actor, environment, session, request, error, message,
  parent, root, trace, recording, attr.KEY";

pub(super) const EVENT_FIELDS: &str = "\
Fields:
  id, status, age, at, type, count, project, agent, actor, brand,
  environment, session, request, ref, summary, activity, data, attr.KEY";

pub(super) const EVENT_FILTERS: &str = "\
Filters:
  type:deployment           * matches any characters; type:* includes log lines
  status:failed,running     also success, cancelled, skipped, abandoned
  project:acme              also agent, actor, brand, env, session, request
  project:=Acme             = makes the case matter
  attr.commits:42           key of the data; also x*, >100, <=1.5, 1..5, any: *
  since:24h                 also until:2026-02-18, today, yesterday, 14:00
  has:parent                inside an activity; also project, actor, …
  is:root                   outside of activities
  -env:dev                  - excludes
  v3 us* \"in a row\"         words in types, summaries, references, data,
                            projects, agents, actors and brands

Fields are combined with AND, the values of one field with OR. Attributes with a comparison or a star are searched row by \
row. Days and times are in the time zone of --tz. In a shell, quote filters that contain quotes or stars: \
'actor:\"Ann B\" -type:log*'.";

pub(super) const ERRORS: &str = "\
Examples:
  activity errors                          today, the most frequent first
  activity errors project:acme --window week
  activity list fingerprint:FINGERPRINT    the activities of a group

Variable parts of a message, such as numbers, paths and quoted texts, are left out (…), so that failures that differ only in \
them are one group. BEFORE counts the same part of the previous window. `new` stands for a group of which none was recorded before.";

pub(super) const STATS: &str = "\
Examples:
  activity stats                           today, by the hour
  activity stats --window month --project acme
  activity stats --by name --window week   most frequent calls, with durations
  activity stats --at 2026-02-18 --tz Asia/Kathmandu

A window covers 1, 7 or 30 days, from midnight to midnight in the time zone, and ends today or on the day of --at. Activities are counted \
when they have ended, in the hour in which they started. A turn is an activity of kind `turn`; for an agent that has \
none, an activity without a parent. The error of percentiles is at most 3.2 %. Statistics older than their retention are \
added up from the activities. What was deleted, too, is unknown: `–`, and `null` with --json; 0 means that nothing \
happened. COUNT of --by type is what successful events did; the other columns are numbers of events.";

pub(super) const DIGEST: &str = "\
Examples:
  activity digest --actor ann              for the prompt of Ann's assistant
  activity digest --grouped --today project:acme
  activity digest --tokens 1000 --limit 50 -type:chat_session

Filters are those of `activity events`; log lines are left out unless a type is given. Tokens are counted if the \
command was built with the feature `tokenizer`, else an upper bound of them. The last line has the number of events left out. \
If there is no activity, nothing is printed. If the log cannot be read, the digest says so and the exit code is 1.";

pub(super) const EXPORT: &str = "\
Examples:
  activity export -o activities.jsonl
  activity export --format csv -o failed.csv status:failed since:7d
  activity export --events --format cloudevents project:acme | my-collector
  activity export -o activities.jsonl --after 7a41c09e.5210

Ended activities are exported in commit order. The last line on stderr is the position from which the next export \
continues: with --after it appends what was committed since. Filters are those of `activity list`, with --events those \
of `activity events`; an export includes log lines, unless it has -type:log.";

pub(super) const FORWARD: &str = "\
Examples:
  activity forward --to postgres://activity@db/ops
  activity --store old.db forward --to postgres://activity@db/ops --once
  activity forward --to postgres://activity@db/ops --again --since 2d --once
  activity forward --to postgres://activity@typo/ops --forget

The password is read from the variable PGPASSWORD, or from ~/.pgpass. A program that forwards its own log needs no such \
command. It can be stopped and started again at any time: it continues where it was. Without --once it follows the store \
until ctrl-c. With --once it also compares the activities of both stores, and fails if one is missing.";

pub(super) const IMPORT: &str = "\
Examples:
  activity import activities.jsonl
  ssh worker activity export --events | activity import -
  activity --store all.db import yesterday.jsonl

The input is what `activity export` writes in the format jsonl, with lines of at most 32 MiB. Records that exist are \
skipped, so the same file may be imported again. Secrets are redacted and lengths limited as when recording. An ID \
contains the start time of its record: if `started_at` or `at` differs, the record gets a new ID, and the attribute \
`imported.id` keeps the old one. An invalid line stops the import; the lines before it stay imported. Recordings are \
not part of exports.";

pub(super) const COMPLETIONS: &str = "\
Examples:
  activity completions bash \\
    > ~/.local/share/bash-completion/completions/activity
  activity completions zsh > ~/.zfunc/_activity
  activity completions fish > ~/.config/fish/completions/activity.fish

The scripts ask the command, which completes fields of filters, their values in the store, and IDs. Generate them again after \
an update.";

pub(super) const MAN: &str = "\
Examples:
  activity man ~/.local/share/man/man1
  activity man man1 && man -l man1/activity-list.1";

pub(super) const MCP: &str = "\
Examples:
  activity mcp
  npx @modelcontextprotocol/inspector --cli activity mcp \\
    --method tools/call --tool-name recent_activity

Configuration of a client:
  {\"mcpServers\": {\"activity\": {
    \"command\": \"activity\",
    \"args\": [\"--store\", \"/path/activity.db\", \"mcp\"]}}}

The tools are read-only: recent_activity, find_activities, get_activity, activity_errors, activity_stats. Each answer stays within a \
token budget and says what it left out.";

pub(super) const PROXY: &str = "\
Examples:
  activity proxy -- npx -y @modelcontextprotocol/server-filesystem .
  activity proxy --project acme --capture preview -- uvx mcp-server-git
  activity proxy --intent --missing-tool -- uvx mcp-server-git
  activity proxy --to https://example.com/mcp --listen 127.0.0.1:8788

Configuration of a client, which `activity mcp-config` writes:
  {\"mcpServers\": {\"files\": {
    \"command\": \"activity\",
    \"args\": [\"proxy\", \"--\", \"npx\", \"-y\",
      \"@modelcontextprotocol/server-filesystem\", \".\"]}}}

Every byte passes unchanged, whether it can be recorded or not; with --intent and --missing-tool all but lists of tools and the \
arguments of calls. The lines that the server logs to stderr become events of \
the call that is running. Over HTTP (streamable HTTP, and HTTP+SSE) paths stay as they are: the client uses the URL of the \
server with the address of the proxy. The default store is activity-proxy.db in the user's data directory, for all proxies of the user.";

pub(super) const MCP_CONFIG: &str = "\
Examples:
  activity mcp-config                      servers, and which are recorded
  activity mcp-config files                the changed entry
  activity mcp-config files --write        write it, after a backup
  activity mcp-config --all --write -- --capture preview
  activity mcp-config --all --undo

Files: those of Claude Desktop, Claude Code, Cursor, VS Code and Windsurf, of the user and of the current directory; another one \
with --file. Only command and args of an entry change, and --undo takes just that back, also after other changes. The command \
becomes the absolute path of this program, because clients with windows do not have the PATH of a shell. Variables of an entry \
stay as they are, and are not shown. Calls are recorded in activity-proxy.db in the user's data directory, or in the store that \
--store or ACTIVITY_STORE names, which becomes part of the entry. Backups are in \
the user's data directory, too: beside the file of a project they would be committed with it. End the client before --write: Claude Code writes its file while it runs.";

pub(super) const PRUNE: &str = "\
Examples:
  activity prune --older-than 30d --dry-run
  activity prune --older-than 2026-01-01 --what activities
  activity prune --older-than 7d --what previews      keep the activities
  activity prune --larger-than 2GB --what activities  keep the newest

Sizes are estimates: the bytes of texts, plus 200 per row with its index entries (40 per payload).

Records are deleted oldest first, in small steps, so other processes may record meanwhile, and the command may be \
interrupted. The newest activity and the newest event are always kept. The deduplication key of a pruned event becomes \
free again.";

pub(super) const RETENTION: &str = "\
Examples:
  activity retention
  activity retention --activities 90d --recordings 30d/10GB
  activity retention --activities forever

A LIMIT is an age (90d, 12h), a size (500MB, 2GB), both (30d/10GB) or `forever`. Kinds that are not named keep their \
limit. Limits are stored in the file: every process that records there applies them, deleting oldest first in small \
steps; `activity prune` deletes at once. For a new limit, the number of records beyond it is printed. A record's age \
counts from the later of its date and its commit, by the store's own clock; a wrong system clock does not move that \
clock for a day.";

pub(super) const ERASE: &str = "\
Examples:
  activity erase --actor ann --dry-run
  activity erase --actor 'Ann B'

Payloads, messages, details and IDs are erased; names, times, outcomes and the agent stay. When the command succeeds, \
the content is gone from every file of the store. If it exits with code 1, it is not: another process kept reading or \
writing, or the command was interrupted. Run it again.";
