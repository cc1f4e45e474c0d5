"""The load: keep-alive connections that ask again as soon as they are answered.

`run.py` starts this as a process of its own. It reads a job from standard input and writes what it measured
to standard output, both JSON. Only the standard library, blocking sockets and one selector: so cheap that the
server stays the slower of the two, and each result says how busy the load itself was, for one to see that.

A job is `{"cells": [...], "rounds": N, "seconds": S, "warm_up": W}`. A cell is what is measured in one go: a
list of streams, of which the first is the one that counts and the others go on beside it. Every round runs
each cell once, for S seconds, in turn: what disturbs the machine for a while disturbs all of them.

A stream is `{"port", "request", "status": [...], "length": [least, most], "connections", "pause", "pid"}`: what to
send, what has to come back, how many connections send it, how many seconds lie between two requests of a
connection, and the process that answers, whose CPU time is read where the system has `/proc`.
"""

import json
import os
import selectors
import socket
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LOOPBACK = "127.0.0.1"
CHUNK = 1 << 18
SECONDS_TO_ANSWER = 120
ERRORS_KEPT = 3


def cpu_seconds(pid: int) -> float:
    """What a process has used of CPU time so far, in steps of some milliseconds; 0 where that can't be read."""
    try:
        # The name of the program, in brackets, may hold blanks.
        values = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(values[11]) + int(values[12])) / os.sysconf("SC_CLK_TCK")


@dataclass
class Stream:
    """Requests of one kind, and what came of them in this round."""

    port: int
    request: bytes
    status: tuple[bytes, ...]
    least: int
    most: int
    connections: int
    pause: float
    pid: int
    latencies: list[float] = field(default_factory=list)
    # Before the round's end, and in all.
    answered: int = 0
    completed: int = 0
    errors: list[str] = field(default_factory=list)
    failed: int = 0

    def fail(self, what: str) -> None:
        self.failed += 1
        if len(self.errors) < ERRORS_KEPT:
            self.errors.append(what)


class Connection:
    """One keep-alive connection: it waits for an answer, or until it may send again."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.socket = socket.create_connection((LOOPBACK, stream.port), SECONDS_TO_ANSWER)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.start = b""
        self.missing = -1
        self.sent_at = 0.0
        self.is_first = True

    def send(self) -> None:
        self.start, self.missing = b"", -1
        self.sent_at = time.perf_counter()
        self.socket.sendall(self.stream.request)

    def receive(self) -> bool:
        """Takes what has arrived; whether the answer is whole. Raises OSError where the server hung up."""
        chunk = self.socket.recv(CHUNK)
        if not chunk:
            raise ConnectionResetError("the server closed the connection")
        if self.missing >= 0:
            self.missing -= len(chunk)
            return self.missing == 0
        self.start += chunk
        end = self.start.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = self.start[:end].lower()
        position = head.find(b"\r\ncontent-length: ")
        if position < 0:
            raise ConnectionAbortedError("an answer without Content-Length")
        length = int(head[position + 18 :].split(b"\r\n", 1)[0])
        stream = self.stream
        if head[9:12] not in stream.status or not stream.least <= length <= stream.most:
            expected = f"{stream.status} with {stream.least} to {stream.most}"
            stream.fail(f"{head[9:12].decode()} with {length} bytes, not {expected}")
        self.missing = length - (len(self.start) - end - 4)
        return self.missing == 0


class Load:
    """One cell. Its connections are open only while it runs: idle ones would cost the server of another cell."""

    def __init__(self, streams: list[Stream]) -> None:
        self.streams = streams
        self.selector = selectors.DefaultSelector()

    def run(self, seconds: float) -> float:
        """Loads for that long; what the streams hold is of this time. Gives the seconds that it took to be
        quiet.
        """
        for stream in self.streams:
            stream.latencies, stream.answered, stream.completed = [], 0, 0
        resting = [Connection(stream) for stream in self.streams for _ in range(stream.connections)]
        for connection in resting:
            self.selector.register(connection.socket, selectors.EVENT_READ, connection)
        begin = time.perf_counter()
        deadline = begin + seconds
        waiting = 0
        while (now := time.perf_counter()) < deadline or waiting:
            if now < deadline:
                due = [c for c in resting if c.is_first or c.sent_at + c.stream.pause <= now]
                if due:
                    resting = [connection for connection in resting if connection not in due]
                for connection in due:
                    connection.send()
                waiting += len(due)
            elif now > deadline + SECONDS_TO_ANSWER:
                raise TimeoutError("no answer")
            timeout = min((c.sent_at + c.stream.pause for c in resting), default=deadline) - now
            for key, _ in self.selector.select(min(max(timeout, 0.0), 1.0) if now < deadline else 1.0):
                connection = key.data
                if not self.take(connection):
                    continue
                now = time.perf_counter()
                stream = connection.stream
                stream.completed += 1
                if now < deadline:
                    stream.answered += 1
                    # The first answers of a round come before a queue has built up.
                    if not connection.is_first:
                        stream.latencies.append(now - connection.sent_at)
                    connection.is_first = False
                    if not stream.pause:
                        connection.send()
                        continue
                waiting -= 1
                resting.append(connection)
        took = time.perf_counter() - begin
        for connection in resting:
            self.selector.unregister(connection.socket)
            connection.socket.close()
        return took

    def take(self, connection: Connection) -> bool:
        """Whether an answer is whole, or will never be: then the connection is made anew."""
        try:
            return connection.receive()
        except (OSError, ValueError) as error:
            connection.stream.fail(str(error))
            self.selector.unregister(connection.socket)
            connection.socket.close()
            connection.socket = Connection(connection.stream).socket
            self.selector.register(connection.socket, selectors.EVENT_READ, connection)
            return True


def make_stream(described: dict[str, Any]) -> Stream:
    least, most = described["length"]
    return Stream(
        described["port"],
        described["request"].encode("latin-1"),
        tuple(str(status).encode() for status in described["status"]),
        least,
        most,
        described["connections"],
        described["pause"],
        described["pid"],
    )


def measure(load: Load, seconds: float) -> dict[str, Any]:
    """One cell, one round: answers a second, latencies in seconds, CPU seconds of the server and of this
    process.
    """
    first = load.streams[0]
    server, own = cpu_seconds(first.pid), time.process_time()
    took = load.run(seconds)
    return {
        "rates": [stream.answered / seconds for stream in load.streams],
        "latencies": first.latencies,
        "server": (cpu_seconds(first.pid) - server) / max(1, first.completed),
        "busy": (time.process_time() - own) / took,
    }


def main() -> None:
    job = json.load(sys.stdin)
    loads = [Load([make_stream(stream) for stream in cell]) for cell in job["cells"]]
    for load in loads:
        load.run(job["warm_up"])
    rounds = [[measure(load, job["seconds"]) for load in loads] for _ in range(job["rounds"])]
    errors = [[[stream.failed, stream.errors] for stream in load.streams] for load in loads]
    json.dump({"rounds": rounds, "errors": errors}, sys.stdout)


if __name__ == "__main__":
    main()
