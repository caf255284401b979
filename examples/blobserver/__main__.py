"""Runs the queue, a producer and two consumers, and shows what they say."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from _running import Show

with Show(__file__) as show:
    uri = show.server("server.py")
    for title in "consumer 1", "consumer 2":
        show.program("consumer.py", uri, title=title).show_until("waiting")
    show.client("producer.py", uri)
    for title in "consumer 1", "consumer 2":
        show.finish(title)
