"""Serves the HTTP interface of ClickHouse over the engine of `chdb`, which has no server of its own.

    python server.py FOLDER [--port PORT] [--user NAME:PASSWORD]

Listens on the loopback interface, and prints its port. Ends when its standard input does. Not served, because the engine has it not:
users and rights, quotas, the native protocol, Keeper; nor, because no test needs it: external tables, `compress=1`, HTTP sessions that
time out.
"""

import argparse
import base64
import os
import re
import secrets
import sys
import threading
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from chdb import ChdbError
from chdb.session import Session

try:
    from compression import zstd
except ImportError:
    from backports import zstd

# Each block of these is a part of the whole: there is no header, no end, and nothing between blocks.
STREAMED = {
    "native", "rowbinary", "jsoneachrow", "jsoncompacteachrow", "tabseparated", "tsv", "tabseparatedraw", "tsvraw", "csv", "rawblob",
    "lineasstring",
}
# Parameters of a request that are no settings.
NOT_SETTINGS = {
    "query", "database", "default_format", "session_id", "session_timeout", "session_check", "user", "password", "query_id", "quota_key",
    "role", "compress", "decompress", "enable_http_compression", "http_zlib_compression_level", "wait_end_of_query", "buffer_size",
    "client_protocol_version", "cancel_http_readonly_queries_on_client_close", "send_progress_in_http_headers",
    "http_headers_progress_interval_ms", "add_http_cors_header", "log_comment",
}
# Statuses that a server has for codes of errors. All others: 500.
STATUSES = {
    193: 403, 192: 403, 516: 403,
    6: 400, 26: 400, 27: 400, 33: 400, 36: 400, 38: 400, 41: 400, 43: 400, 53: 400, 62: 400, 69: 400, 72: 400, 117: 400, 457: 400,
    46: 404, 47: 404, 50: 404, 56: 404, 60: 404, 73: 404, 81: 404, 115: 404,
    159: 408, 164: 403, 497: 403, 48: 501, 223: 413,
}
INSERT = re.compile(rb"\A\s*INSERT\b", re.I)
INSERT_FORMAT = re.compile(rb"\A(.*?)\bFORMAT\s+(\w+)[ \t;]*(?:\r?\n|\Z|(?=\s))", re.I | re.S)
FORMAT = re.compile(r"\bFORMAT\s+(\w+)\s*(?:SETTINGS\b[^)']*)?\Z", re.I)
READS = re.compile(r"\A\s*(?:\(|SELECT|WITH|FROM)\b", re.I)
COMMENTS = re.compile(r"\A(?:\s+|--[^\n]*(?:\n|\Z)|/\*.*?\*/)*", re.S)


class Failed(Exception):
    """An error with the code that ClickHouse has for it."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def failed(error):
    """Returns the error of the engine with its code."""
    message = str(error)
    found = re.search(r"Code: (\d+)\. ", message)
    # The engine puts the code in front of itself.
    message = re.sub(r"\A(?:[^:]*failed: )?(?:Code: \d+\. DB::Exception: )+", "", message)
    code = int(found[1]) if found else 1002
    return Failed(code, f"Code: {code}. DB::Exception: {message}")


def quoted(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def apply(session, settings):
    """Sets settings. Read-only sessions refuse further ones, so that is the last."""
    if settings:
        keys = sorted(settings, key=lambda key: key == "readonly")
        session.query("SET " + ", ".join(f"{key} = {quoted(settings[key])}" for key in keys))


class Engine:
    def __init__(self, folder):
        self.folder = folder
        # Those that requests name, and those of earlier requests by their settings.
        self.sessions = {}
        self.idle = {}
        self.lock = threading.Lock()
        # Keeps the database loaded.
        self.first = Session(folder)
        self.version = self.ask("SELECT version()").strip()
        self.zone = self.ask("SELECT timezone()").strip()

    def ask(self, sql):
        return self.first.query(sql, "TabSeparatedRaw").bytes().decode()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Else each answer waits for an acknowledgement of its headers.
    disable_nagle_algorithm = True
    wbufsize = 1 << 16
    engine = None
    user = None

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.answer()

    def do_POST(self):
        self.answer()

    do_HEAD = do_GET

    # Requests.

    def body(self):
        """Yields the body as it arrives."""
        encoding = self.headers.get("Content-Encoding", "identity").lower()
        makes = {"gzip": lambda: zlib.decompressobj(31), "deflate": lambda: zlib.decompressobj(15), "zstd": zstd.ZstdDecompressor}
        if encoding == "identity":
            yield from self.raw_body()
            return
        if encoding not in makes:
            raise Failed(36, f"Code: 36. DB::Exception: Unknown Content-Encoding {encoding}. (BAD_ARGUMENTS)")
        # A body may have several frames.
        frame = None
        for part in self.raw_body():
            while part:
                frame = frame or makes[encoding]()
                yield frame.decompress(part)
                part = frame.unused_data
                frame = None if frame.eof else frame
        if frame:
            raise Failed(33, "Code: 33. DB::Exception: Unexpected end of compressed data. (CANNOT_READ_ALL_DATA)")

    def raw_body(self):
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            while True:
                size = int(self.rfile.readline().split(b";")[0] or b"x", 16)
                part = self.exactly(size)
                self.rfile.readline()
                if size == 0:
                    break
                yield part
        else:
            left = int(self.headers.get("Content-Length") or 0)
            while left:
                part = self.exactly(min(left, 1 << 18))
                left -= len(part)
                yield part
        self.is_read = True

    def exactly(self, size):
        part = self.rfile.read(size)
        if len(part) < size:
            raise ConnectionError("the client has closed the connection")
        return part

    def check_user(self, given):
        if self.user is None:
            return
        name, password = given.get("user", "default"), given.get("password", "")
        name = self.headers.get("X-ClickHouse-User", name)
        password = self.headers.get("X-ClickHouse-Key", password)
        basic = self.headers.get("Authorization", "")
        if basic.startswith("Basic "):
            name, _, password = base64.b64decode(basic[6:]).decode().partition(":")
        if (name, password) != self.user:
            raise Failed(
                516, f"Code: 516. DB::Exception: {name}: Authentication failed: password is incorrect, or there is no user with such name. "
                "(AUTHENTICATION_FAILED)")

    def answer(self):
        self.is_read = self.is_begun = False
        self.tag = secrets.token_hex(8)
        try:
            url = urlsplit(self.path)
            if url.path == "/ping":
                self.send_whole(b"Ok.\n")
                return
            given = dict(parse_qsl(url.query, keep_blank_values=True))
            self.check_user(given)
            body = self.body()
            if "multipart/form-data" in self.headers.get("Content-Type", ""):
                raise Failed(48, "Code: 48. DB::Exception: External tables are not served. (NOT_IMPLEMENTED)")
            self.run(given, body)
        except Failed as error:
            self.send_error_of(error)
        except (ChdbError, RuntimeError) as error:
            self.send_error_of(failed(error))
        except (ConnectionError, ValueError) as error:
            self.close_connection = True
            if not isinstance(error, ConnectionError):
                raise

    # Statements.

    def run(self, given, body):
        head = given.get("query", "").encode()
        head += b"\n" if head and not INSERT.match(head) else b""
        is_insert = INSERT.match(head)
        if not is_insert:
            # The statement is in the body, or begins there, and data may follow it.
            for part in body:
                head += part
                is_insert = INSERT.match(head)
                if is_insert and INSERT_FORMAT.match(head):
                    break
        found = is_insert and INSERT_FORMAT.match(head)
        session, end = self.session(given)
        try:
            if found:
                self.insert(session, found[1].decode(), found[2].decode(), head[found.end():], body)
            else:
                self.select(session, given, head + b"".join(body))
        except BaseException:
            end(False)
            raise
        end(True)

    def session(self, given):
        """Returns a session with the settings of the request, and what ends it, which is told whether the request has succeeded."""
        settings = {key: value for key, value in given.items() if key not in NOT_SETTINGS and not key.startswith("param_")}
        for key in settings:
            if not re.fullmatch(r"\w+", key):
                raise Failed(115, f"Code: 115. DB::Exception: Unknown setting {key!r}. (UNKNOWN_SETTING)")
        database = given.get("database") or self.headers.get("X-ClickHouse-Database")
        if self.command == "GET":
            settings.setdefault("readonly", "2")
        name = given.get("session_id")
        return self.named(name, database, settings) if name is not None else self.unnamed(database, settings)

    def unnamed(self, database, settings):
        """Returns a session that an earlier request has left, or a new one: to open one and to set its settings takes longer than most
        queries."""
        # Each request has its own.
        own = {key: value for key, value in settings.items() if key in ("insert_deduplication_token", "max_execution_time")}
        shared = {key: value for key, value in settings.items() if key not in own}
        key = (database, *sorted(shared.items()), *sorted(own))
        with self.engine.lock:
            idle = self.engine.idle.setdefault(key, [])
            session = idle.pop() if idle else None
        is_new = session is None
        if is_new:
            session = Session(self.engine.folder)

        def end(succeeded):
            with self.engine.lock:
                if succeeded and len(idle) < 8:
                    idle.append(session)
                    return
            session.close()

        try:
            if is_new and database:
                session.query(f"USE `{database}`")
            apply(session, {**shared, **own} if is_new else own)
        except BaseException:
            end(False)
            raise
        return session, end

    def named(self, name, database, settings):
        with self.engine.lock:
            session, locked = self.engine.sessions.setdefault(name, (Session(self.engine.folder), threading.Lock()))
        if not locked.acquire(blocking=False):
            raise Failed(373, f"Code: 373. DB::Exception: Session {name} is locked by a concurrent client. (SESSION_IS_LOCKED)")
        before = {}

        def end(_):
            for key, value in before.items():
                session.query(f"SET {key} = {value}")
            locked.release()

        try:
            if database:
                session.query(f"USE `{database}`")
            # They last no longer than the request.
            for key in settings:
                row = session.query(f"SELECT changed, value FROM system.settings WHERE name = '{key}'", "TabSeparatedRaw").bytes().decode()
                before[key] = quoted(row[2:].rstrip("\n")) if row.startswith("1") else "DEFAULT"
            apply(session, settings)
        except BaseException:
            end(False)
            raise
        return session, end

    def insert(self, session, statement, form, first, body):
        rows = 0
        try:
            inserter = session.send_insert(statement, form)
        except BaseException:
            for _ in body:
                pass
            raise
        try:
            if first:
                inserter.append(first)
            for part in body:
                inserter.append(part)
            rows = inserter.finish().rows_written
        except BaseException:
            try:
                inserter.cancel()
            except (ChdbError, RuntimeError):
                pass
            raise
        self.send_whole(b"", {"X-ClickHouse-Summary": f'{{"written_rows":"{rows}"}}'})

    def select(self, session, given, statement):
        statement = statement.decode().rstrip().rstrip(";")
        statement = statement[COMMENTS.match(statement).end():]
        form = FORMAT.search(statement)
        form = form[1] if form else given.get("default_format") or self.headers.get("X-ClickHouse-Format") or "TabSeparated"
        parameters = {key[len("param_"):]: value for key, value in given.items() if key.startswith("param_")}
        headers = {"X-ClickHouse-Format": form}
        is_streamed = READS.match(statement) and form.lower() in STREAMED and given.get("wait_end_of_query", "0") != "1"
        if not is_streamed:
            self.send_whole(session.query(statement, form, params=parameters).bytes(), headers, given)
            return
        result = session.send_query(statement, form, params=parameters)
        try:
            # An error before the first block has a status of its own.
            part = result.fetch()
            self.begin(headers, given)
            while part is not None and part.bytes():
                self.write(bytes(part.bytes()))
                part = result.fetch()
            self.end_answer()
        finally:
            result.close()

    # Answers.

    def send_headers(self, status, headers, given):
        self.send_response(status)
        for key, value in {
            "X-ClickHouse-Server-Display-Name": "chdb",
            "X-ClickHouse-Timezone": self.engine.zone,
            "X-ClickHouse-Query-Id": given.get("query_id", self.tag),
            "X-ClickHouse-Exception-Tag": self.tag,
            "Content-Type": "text/plain; charset=UTF-8",
            **headers,
        }.items():
            self.send_header(key, value)

    def encoder(self, given):
        """Returns what compresses the answer, and its name."""
        accepted = self.headers.get("Accept-Encoding", "")
        if given.get("enable_http_compression") not in ("1", "true"):
            return None, None
        for name, make in (("zstd", zstd.ZstdCompressor), ("gzip", lambda: zlib.compressobj(wbits=31))):
            if name in accepted:
                return name, make()
        return None, None

    def begin(self, headers, given):
        self.is_begun = True
        name, self.compressor = self.encoder(given)
        self.send_headers(200, {**headers, **({"Content-Encoding": name} if name else {})}, given)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def write(self, part):
        self.write_chunk(self.compressor.compress(part) if self.compressor else part)

    def write_chunk(self, part):
        if part:
            self.wfile.write(b"%x\r\n" % len(part) + part + b"\r\n")

    def end_answer(self):
        if self.compressor:
            self.write_chunk(self.compressor.flush())
        self.wfile.write(b"0\r\n\r\n")

    def send_whole(self, answer, headers={}, given={}):
        name, compressor = self.encoder(given)
        if compressor:
            answer = compressor.compress(answer) + compressor.flush()
            headers = {**headers, "Content-Encoding": name}
        self.send_headers(200, headers, given)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer)

    def send_error_of(self, error):
        text = f"{error}\n".encode()
        try:
            if self.is_begun:
                # It cannot be the status any more.
                self.write(b"__exception__\r\n%s\r\n%s%d %s\r\n__exception__\r\n" % (self.tag.encode(), text, len(text), self.tag.encode()))
                self.end_answer()
                self.close_connection = True
                return
            # Left unread, the rest of the body would be taken for the next request.
            self.close_connection = not self.is_read and self.command == "POST"
            self.send_headers(STATUSES.get(error.code, 500), {"X-ClickHouse-Exception-Code": str(error.code)}, {})
            if self.close_connection:
                self.send_header("Connection", "close")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)
        except ConnectionError:
            self.close_connection = True


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("folder")
    arguments.add_argument("--port", type=int, default=0)
    arguments.add_argument("--user")
    arguments = arguments.parse_args()
    Handler.engine = Engine(arguments.folder)
    if arguments.user:
        Handler.user = tuple(arguments.user.split(":", 1))
    server = ThreadingHTTPServer(("127.0.0.1", arguments.port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.buffer.read()
    # The engine may crash when the interpreter ends.
    os._exit(0)


if __name__ == "__main__":
    main()
