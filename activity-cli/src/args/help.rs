//! What `--help` says below the options: examples, and what they need to be understood.

pub(super) const LIST: &str = "\
Examples:
  activity list status:failed since:24h
  activity list 'kind:tool name:login* duration:>2s'
  activity list --json -n 1000 project:acme | jq .duration_ns";

pub(super) const SHOW: &str = "\
Examples:
  activity show 0199e5a2-7c00-7d
  activity show 0199e5a2-7c00-7d --json | jq .tree";

pub(super) const TAIL: &str = "\
Examples:
  activity tail
  activity tail -n 0 status:failed --json | my-alarm";

pub(super) const EVENT: &str = "\
Examples:
  activity event deployment 'v3 live' --project acme --env production
  activity event github_push '3 commits' --count 3 --ref \"$GITHUB_SHA\" --dedup-key \"$DELIVERY\"
  activity event backup 'the disk is full' --status failed --data '{\"host\": \"db-1\"}'";

pub(super) const EVENTS: &str = "\
Examples:
  activity events type:deployment env:production
  activity events actor:ann since:7d -type:chat_session";

pub(super) const SERVE: &str = "\
Examples:
  activity serve
  activity --store /srv/app/activity.db serve --listen 127.0.0.1:9000";

pub(super) const BACKUP: &str = "\
Examples:
  activity backup monday.db
  activity --store monday.db list

The copy is complete in this one file. To restore it, stop the programs that record, move activity.db, activity.db-wal \
and activity.db-shm away, and copy it to activity.db.";

pub(super) const REBUILD: &str = "\
Examples:
  activity rebuild

Sums of times whose activities were pruned are kept as they are. Sums that are older than the store keeps them are \
deleted again: lift that first with `activity retention --sums forever`. Indexes, triggers and views that are missing \
or were altered are made anew. It may run while others record.";

pub(super) const RECORDING: &str = "\
Examples:
  activity recording 0199e5a2-7c00-7d -o session.ndjson";

pub(super) const DOCTOR: &str = "\
Examples:
  activity doctor
  activity doctor --json | jq .instances
  activity doctor --accept

It compares what every process committed, less what was pruned and erased, with the rows in the file. \
Where rows are missing it says how many, and since when; the exit code is 1. When another program deleted or \
inserted rows on purpose, --accept writes that into the file's ledger; the file keeps when and how many. \
It may run while others record.";

pub(super) const FILTERS: &str = "\
Filters:
  status:failed,cancelled   running, success, failed, cancelled, skipped, abandoned
  kind:tool name:login*     a * stands for any characters
  project:acme agent: actor: brand: env: session: request: error:denied
  since:24h until:2026-02-18
  duration:>2s              also >=, <, <= and 1s..5s
  has:error                 also input, output, message, parent, ..
  -env:dev                  a - excludes
  no such us* \"in a row\"   free words are found in names, messages and payloads

Different fields all have to hold; values of one field are alternatives. In a shell, put a \
filter that has quotes, stars or comparisons in single quotes: 'actor:\"Ann B\" duration:>2s'.";

pub(super) const EVENT_FILTERS: &str = "\
Filters:
  type:deployment           a * stands for any characters
  status:failed,cancelled   running, success, failed, cancelled, skipped, abandoned
  project:acme agent: actor: brand: env: session: request:
  since:24h until:2026-02-18
  has:parent                inside of an activity; also project, actor, ..
  -env:dev                  a - excludes
  v3 live                   free words are found in types and summaries; us* is any word
                            that begins so, \"a b\" are words in a row";

pub(super) const STATS: &str = "\
Examples:
  activity stats                              today, hour by hour
  activity stats --window month --project acme
  activity stats --by name --window week      what is called most, and how long it takes
  activity stats --at 2026-02-18 --tz Asia/Kathmandu

A window is 1, 7 or 30 days, from midnight to midnight in the time zone, the last of them today. \
Activities count where they started, once they have ended. A turn is an activity of the kind `turn`; \
of an agent that has never taken one, an activity that has no parent. Percentiles are off by at most 3.2 %.";

pub(super) const DIGEST: &str = "\
Examples:
  activity digest --actor ann                 for the prompt of ann's assistant
  activity digest --grouped --today project:acme
  activity digest --tokens 1000 --limit 50 -type:chat_session

It takes the filters of `activity events`, and leaves log lines out unless a type is asked for. Tokens \
are estimated on the safe side, or counted where the feature `tokenizer` is on. What was left out is said \
in the last line. Where the log cannot be read the digest says so, and the exit code is 1: that is not the \
same as no activity, which prints nothing.";

pub(super) const EXPORT: &str = "\
Examples:
  activity export -o activities.jsonl
  activity export --format csv -o failed.csv status:failed since:7d
  activity export --events --format cloudevents project:acme | my-collector
  activity export -o activities.jsonl --after 7a41c09e.5210     adds what was committed since

Ended activities, in the order in which they were committed. The place to go on from is printed at the \
end. Filters are those of `activity list`, with --events those of \
`activity events`.";

pub(super) const IMPORT: &str = "\
Examples:
  activity import activities.jsonl
  ssh worker activity export --events | activity import -
  activity --store all.db import yesterday.jsonl

Lines are those of `activity export` in the format jsonl, of at most 32 MiB each. What is there already is skipped, so \
the same file may be imported again. Secrets are redacted and lengths limited as when recording. An ID says when its \
record started: where `started_at` or `at` says another time, the record gets a new ID, and the old one is its attribute \
`imported.id`. A bad line stops the import; the lines before it stay. Recordings are not in such files.";

pub(super) const COMPLETIONS: &str = "\
Examples:
  activity completions bash > ~/.local/share/bash-completion/completions/activity
  activity completions zsh > ~/.zfunc/_activity
  activity completions fish > ~/.config/fish/completions/activity.fish";

pub(super) const MCP: &str = "\
Examples:
  activity mcp
  npx @modelcontextprotocol/inspector --cli activity mcp --method tools/call --tool-name recent_activity

A client that starts servers by itself is told of it like this:
  {\"mcpServers\": {\"activity\": {\"command\": \"activity\", \"args\": [\"--store\", \"/path/activity.db\", \"mcp\"]}}}

The tools only read: recent_activity, find_activities, get_activity, activity_stats. Each answer keeps to a \
budget of tokens, and says what it left out.";

pub(super) const PRUNE: &str = "\
Examples:
  activity prune --older-than 30d --dry-run
  activity prune --older-than 2026-01-01 --what activities
  activity prune --older-than 7d --what previews      keeps the activities, without payloads
  activity prune --larger-than 2GB --what activities  keeps the newest

A size counts texts, and 200 bytes for each row and what finds it (40 for each payload).

It may run while others record: it deletes a little at a time, the oldest first, and may be interrupted. \
The newest activity and event always stay. A key of a pruned event may be used by a new one.";

pub(super) const RETENTION: &str = "\
Examples:
  activity retention
  activity retention --activities 90d --recordings 30d/10GB
  activity retention --activities forever

A LIMIT is an age (90d, 12h), a size (500MB, 2GB), both (30d/10GB) or `forever`; kinds that are not named keep theirs. \
It belongs to the store: every process that records there follows it, until another one is set here or by an application. \
They delete what is beyond it, a little at a time, the oldest first; `activity prune` deletes at once. A new limit \
says how many records exceed it. Records are as old as the younger of their date and their commit, by the store's own \
clock, which a wrong clock does not move for a day.";

pub(super) const ERASE: &str = "\
Examples:
  activity erase --actor ann --dry-run
  activity erase --actor 'Ann B'

Names, times and outcomes stay, and so does the agent. It is gone from every file of the store when this ends; \
with exit code 1 it is not: others kept reading or writing, or it was interrupted. Then do it again.";
