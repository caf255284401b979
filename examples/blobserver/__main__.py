"""Runs the queue, a producer and two consumers, and shows what they say."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from _running import Show

with Show(__file__) as show:
    uri = show.server("server.py")
    consumers = [show.program("consumer.py", uri, title=f"consumer {n}") for n in (1, 2)]
    for consumer in consumers:
        consumer.show_until("waiting")
    show.client("producer.py", uri)
    for consumer in consumers:
        consumer.show_rest()
        show.forget(consumer)
