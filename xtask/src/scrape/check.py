"""Scrapes a server before and after an import, and compares what the official parsers read with what was imported.

Arguments: the server's address, the command, the file to import, and the dashboard for Grafana.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request

from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics_parser

ADDRESS, ACTIVITY, FILE, BOARD = sys.argv[1:]
OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def scrape(accept):
    request = urllib.request.Request(ADDRESS + "metrics", headers={"Accept": accept})
    with urllib.request.urlopen(request) as response:
        return response.headers["content-type"], response.read().decode()


def samples(families):
    found = {}
    for family in families:
        for one in family.samples:
            key = (one.name, tuple(sorted(one.labels.items())))
            assert key not in found, key
            found[key] = one.value
    return found


def openmetrics_samples():
    kind, text = scrape(OPENMETRICS)
    assert kind == "application/openmetrics-text; version=1.0.0; charset=utf-8", kind
    return text, samples(openmetrics_parser.text_string_to_metric_families(text))


def text_samples():
    kind, text = scrape("text/plain")
    assert kind == "text/plain; version=0.0.4; charset=utf-8", kind
    return text, samples(parser.text_string_to_metric_families(text))


_, before = openmetrics_samples()
subprocess.run([ACTIVITY, "import", FILE], check=True)
openmetrics_text, after = openmetrics_samples()
plain_text, plain = text_samples()

# As the store has them: it may replace characters, and cut names.
exported = subprocess.run([ACTIVITY, "export", "--format", "jsonl"], check=True, capture_output=True)
recorded = [json.loads(line) for line in exported.stdout.decode().splitlines()]
with open(FILE) as file:
    imported = {json.loads(line)["id"] for line in file}
imported = [one for one in recorded if one["id"] in imported]
assert len(imported) == 16, len(imported)
expected = {}
for one in imported:
    labels = (("name", one["name"]), ("project", one["project"] or ""), ("status", one["status"]))
    key = ("activity_calls_total", labels)
    expected[key] = expected.get(key, 0) + 1
    if one["status"] == "failed":
        key = ("activity_failures_total", (("error_type", one["error_type"] or ""),))
        expected[key] = expected.get(key, 0) + 1
for key, count in expected.items():
    assert after[key] == count, (key, count, after.get(key))
counted = {key: value for key, value in after.items() if key[0] == "activity_calls_total" and value}
assert sum(counted.values()) == 16, counted
histograms = {}
for (name, labels), value in after.items():
    if name == "activity_duration_seconds_bucket":
        labels = dict(labels)
        histograms.setdefault(labels["name"], []).append((float(labels["le"]), value))
for name, buckets in histograms.items():
    buckets.sort()
    counts = [count for _, count in buckets]
    assert counts == sorted(counts), name
    labels = (("name", name),)
    assert counts[-1] == after[("activity_duration_seconds_count", labels)], name
for key, value in before.items():
    if key[0].endswith(("_total", "_bucket", "_count", "_sum")):
        assert after[key] >= value, key
# Both formats say the same.
for key, value in plain.items():
    if key[0] != "activity_store_bytes":
        assert after[key] == value, key
created = {key for key in after if key[0].endswith("_created")}
assert set(plain) == set(after) - created
print(f"prometheus_client read {len(after)} samples as OpenMetrics and {len(plain)} as text")


def queries():
    with open(BOARD) as file:
        board = json.load(file)
    for panel in board["panels"]:
        for target in panel["targets"]:
            query = target["expr"]
            for variable, value in (("$name", ".*"), ("$project", ".*"), ("$__rate_interval", "1m"), ("$__range", "1h")):
                query = query.replace(variable, value)
            yield panel["title"], query


if promtool := shutil.which("promtool"):
    checked = subprocess.run([promtool, "check", "metrics"], input=plain_text.encode(), capture_output=True)
    assert checked.returncode == 0, checked
    print("promtool has nothing to say")
else:
    print("promtool is not installed: its check was left out")

prometheus = shutil.which("prometheus")
if not prometheus:
    print("prometheus is not installed: no real scrape, and the queries were not evaluated")
    sys.exit()
host = urllib.parse.urlsplit(ADDRESS)
with open("prometheus.yml", "w") as file:
    file.write(
        f"""
global: {{scrape_interval: 1s}}
scrape_configs:
- job_name: activity
  metrics_path: {host.path}metrics
  static_configs: [{{targets: ["{host.netloc}"]}}]
"""
    )
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    LISTEN = f"127.0.0.1:{free.getsockname()[1]}"
arguments = ["--config.file=prometheus.yml", "--storage.tsdb.path=tsdb", f"--web.listen-address={LISTEN}"]
process = subprocess.Popen([prometheus, *arguments], stderr=subprocess.DEVNULL)


def ask(query):
    query = urllib.parse.urlencode({"query": query})
    with urllib.request.urlopen(f"http://{LISTEN}/api/v1/query?{query}") as response:
        answer = json.load(response)
    assert answer["status"] == "success", answer
    return answer["data"]["result"]


try:
    deadline = time.monotonic() + 60
    scrapes = 0
    while scrapes < 3:
        assert time.monotonic() < deadline, "prometheus has not scraped in a minute"
        try:
            up = ask("count_over_time(up[1m])")
            scrapes = int(up[0]["value"][1]) if up else 0
        except OSError:
            pass
        time.sleep(0.5)
    assert ask("up")[0]["value"][1] == "1", ask("up")
    names = {one["metric"].get("name") for one in ask("activity_calls_total")}
    assert {one["name"] for one in imported} <= names, names
    # Those that need a change, a failure or a program that records may be empty.
    empty = []
    for title, query in queries():
        if not ask(query):
            empty.append(title)
    allowed = {"Lost records by reason", "In hand"}
    assert set(empty) <= allowed, empty
    print(f"prometheus scraped, and answered all queries of the dashboard; empty: {sorted(set(empty))}")
finally:
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=30)
