"""The client: gets times as text, and makes times of them."""

import sys
from datetime import UTC, datetime, timedelta, timezone

from pyrolike.api import Proxy

LIMA = timezone(timedelta(hours=-5))


def main(uri: str) -> None:
    """Talk about times."""
    with Proxy(uri) as clock:
        for name, value in clock.things().items():
            print(f"{name:9} {value!r}")

        launch = datetime.fromisoformat(clock.launch())
        print("the launch in Lima:", launch.astimezone(LIMA).isoformat(sep=" "))

        print("hours until then:", clock.hours_until_launch(datetime(2030, 1, 1, tzinfo=UTC)))
        try:
            # Without a time zone nobody knows which moment is meant, least of all another machine.
            clock.hours_until_launch(datetime(2030, 1, 1))
        except ValueError as error:
            print("refused:", error)


if __name__ == "__main__":
    main(sys.argv[1])
