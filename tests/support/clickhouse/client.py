"""Uses the server through the official client, as it is published: what works here is what a server does.

    python client.py PORT
"""

import sys

import clickhouse_connect
from clickhouse_connect.driver.exceptions import DatabaseError

port = int(sys.argv[1])


def connect(**options):
    return clickhouse_connect.get_client(host="127.0.0.1", port=port, **options)


def fails(what, *codes):
    try:
        what()
    except DatabaseError as error:
        assert any(f"ode: {code}" in str(error) or f"code {code}" in str(error) for code in codes), str(error)
        return str(error)
    raise AssertionError(f"no error with the code {codes}")


client = connect()
assert client.server_version.startswith("26."), client.server_version

# Inserts, with and without compression, of more than one block.
rows = [(n, f"name {n % 7}", None if n % 3 else n / 2, [n, n + 1]) for n in range(100_000)]
for compress in (False, "zstd", "gzip"):
    client = connect(compress=compress)
    client.command("DROP TABLE IF EXISTS probe")
    client.command("CREATE TABLE probe (n UInt64, name String, half Nullable(Float64), list Array(UInt64)) ENGINE = MergeTree ORDER BY n")
    summary = client.insert("probe", rows, column_names=["n", "name", "half", "list"])
    assert summary.written_rows == len(rows), summary.summary
    found = client.query("SELECT * FROM probe ORDER BY n")
    assert found.result_rows == rows, compress
    assert found.column_names == ("n", "name", "half", "list")
    # A compressed stream, block by block.
    with client.query_rows_stream("SELECT n FROM probe ORDER BY n", settings={"max_block_size": 10_000}) as stream:
        assert sum(row[0] for row in stream) == sum(row[0] for row in rows)

# Parameters.
found = client.query("SELECT {text:String}, {list:Array(String)}", parameters={"text": "it's\t\\ ü\n", "list": ["a'b", "\\"]})
assert found.result_rows == [("it's\t\\ ü\n", ["a'b", "\\"])], found.result_rows

# Settings of one statement, which the next one has not.
block = "SELECT max(blockSize()) FROM numbers(1000)"
assert client.query(block, settings={"max_block_size": 10}).result_rows == [(10,)]
assert client.query(block).result_rows != [(10,)]
assert connect(settings={"max_block_size": 10}).query(block).result_rows == [(10,)]

# The same batch twice, with a token.
client.command(
    "CREATE TABLE once (n UInt64) ENGINE = MergeTree ORDER BY n SETTINGS non_replicated_deduplication_window = 100"
)
for _ in range(2):
    client.insert("once", [(1,), (2,)], column_names=["n"], settings={"async_insert": 0, "insert_deduplicate": 1, "insert_deduplication_token": "a"})
assert client.query("SELECT count() FROM once").result_rows == [(2,)]

# Errors: before the first row, in mid-stream, and of a broken insert. The next statement works.
fails(lambda: client.query("SELECT * FROM nowhere"), 60)
fails(lambda: client.command("SELECT 1 +"), 62)
broken = "SELECT throwIf(number = 900000, 'broken in mid-stream') + number FROM numbers(1000000)"


def read_all(client):
    with client.query_rows_stream(broken, settings={"max_threads": 1, "max_block_size": 10_000}) as stream:
        for _ in stream:
            pass


for compress in (False, "zstd", "gzip"):
    client = connect(compress=compress)
    assert "broken in mid-stream" in fails(lambda: read_all(client), 395)
    assert client.query("SELECT 1").result_rows == [(1,)]
fails(lambda: client.raw_insert("probe", ["n"], b"1\nx\n", fmt="TabSeparated"), 27, 72)
assert client.query("SELECT count() FROM probe").result_rows == [(len(rows),)]

# Raw streams.
stream = client.raw_stream("SELECT number FROM numbers(100000)", fmt="TabSeparated")
assert b"".join(stream) == b"".join(b"%d\n" % n for n in range(100_000))
client.command("DROP TABLE probe")
client.command("DROP TABLE once")
print("ok")
