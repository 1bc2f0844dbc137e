"""Calls a server as a plan says: `python drive.py PLAN`, with version 1 or 2 of the SDK.

Prints the names of both sides, the lists, the answer of each step and what the server asked, one JSON object per line.
"""

import asyncio
import contextlib
import datetime
import importlib.metadata
import json
import os
import sys

import mcp
from mcp import StdioServerParameters, types

IS_OLD = importlib.metadata.version("mcp").startswith("1.")


def say(line):
    print(json.dumps(line), flush=True)


def plain(model):
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


def failure(error):
    # Version 1 keeps the error's data in a field of its own.
    data = getattr(error, "error", error)
    return {"error": {"code": getattr(data, "code", None), "message": str(error)}}


class Driver:
    """One connection."""

    def __init__(self, plan):
        self.asked = []
        self.plan = plan
        name = "python-1" if IS_OLD else "python-2"
        self.info = types.Implementation(name=name, version="1.0")

    async def sample(self, *_):
        self.asked.append("sampling/createMessage")
        text = types.TextContent(type="text", text="sampled")
        return types.CreateMessageResult(role="assistant", model="none", content=text)

    async def elicit(self, *_):
        self.asked.append("elicitation/create")
        return types.ElicitResult(action="decline")

    async def roots(self, *_):
        self.asked.append("roots/list")
        return types.ListRootsResult(roots=[types.Root(uri=f"file://{self.plan['cwd']}", name="work")])

    @contextlib.asynccontextmanager
    async def connect(self):
        server = StdioServerParameters(**{key: self.plan[key] for key in ("command", "args", "cwd", "env")})
        callbacks = {
            "client_info": self.info,
            "sampling_callback": self.sample,
            "elicitation_callback": self.elicit,
            "list_roots_callback": self.roots,
        }
        with open(os.devnull, "w", encoding="utf-8") as nothing:
            transport = mcp.stdio_client(server, errlog=nothing)
            if not IS_OLD:
                async with mcp.Client(transport, **callbacks) as client:
                    yield client, client.server_info, client.server_capabilities
                return
            async with transport as (read, write), mcp.ClientSession(read, write, **callbacks) as session:
                started = await session.initialize()
                yield session, started.serverInfo, started.capabilities

    async def ask(self, client, step):
        given = step.get("arguments")
        try:
            if "tool" in step:
                seconds = step["timeout_ms"] / 1000 if "timeout_ms" in step else None
                if seconds and IS_OLD:
                    seconds = datetime.timedelta(seconds=seconds)
                result = await client.call_tool(step["tool"], given or {}, read_timeout_seconds=seconds)
            elif "prompt" in step:
                result = await client.get_prompt(step["prompt"], given)
            else:
                result = await client.read_resource(step["resource"])
        except Exception as error:  # pylint: disable=broad-exception-caught
            return failure(error)
        return {"result": plain(result)}

    async def run(self):
        async with self.connect() as (client, server, capabilities):
            say({"client": self.info.name, "server": server.name})
            if capabilities.tools:
                say({"tools": plain(await client.list_tools())})
            for step in self.plan["steps"]:
                asking = [self.ask(client, step) for _ in range(step.get("at_once", 1))]
                for answer in await asyncio.gather(*asking):
                    say({"step": step, **answer})
        for method in sorted(self.asked):
            say({"asked": method})


with open(sys.argv[1], encoding="utf-8") as file:
    asyncio.run(Driver(json.load(file)).run())
