"""The server: knows about times."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any

from pyrolike.api import Daemon, expose

DELHI = timezone(timedelta(hours=5, minutes=30))


@expose
class Clock:
    """The remote object."""

    def launch(self) -> datetime:
        """Return a moment, with its offset from UTC."""
        return datetime(2030, 1, 1, 12, 0, tzinfo=DELHI)

    def things(self) -> dict[str, Any]:
        """Return a bit of everything."""
        return {
            "aware": self.launch(),
            "in UTC": self.launch().astimezone(UTC),
            "naive": datetime(2030, 1, 1, 12, 0),
            "date": date(2030, 1, 1),
            "time": time(12, 0),
            "duration": timedelta(minutes=90),
        }

    def hours_until_launch(self, now: str) -> float:
        """Take a moment as it arrives: as text."""
        moment = datetime.fromisoformat(now)
        if moment.tzinfo is None:
            raise ValueError(f"{now} in which time zone?")
        return (self.launch() - moment).total_seconds() / 3600


def main() -> None:
    """Serve until Ctrl-C."""
    with Daemon() as daemon:
        print("ready:", daemon.register(Clock, "clock"), flush=True)
        daemon.requestLoop()


if __name__ == "__main__":
    main()
