"""Runs the bus, two subscribers of which one crashes, and two publishers."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from _running import Show

with Show(__file__) as show:
    show.name_server()
    show.server("bus.py")
    sailor = show.program("subscriber.py", "weather", "news", title="sailor")
    sailor.show_until("listening")
    farmer = show.program("subscriber.py", "weather", title="farmer")
    farmer.show_until("listening")
    show.client("publisher.py", "weather=rain", "news=a new island", "sport=1:0")
    farmer.show_until("rain")
    show.kill("farmer")
    show.client("publisher.py", "weather=a storm")
