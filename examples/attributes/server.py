"""The server: a thermostat with attributes that may be read, set, or neither."""

from pyrolike.api import Daemon, expose


class Thermostat:
    """Only what has `expose` can be reached from elsewhere."""

    def __init__(self) -> None:
        self.secret = "1234"
        self._wanted = 20.0
        self._limits = {"low": 5.0, "high": 30.0}

    @expose
    @property
    def wanted(self) -> float:
        """The wanted temperature."""
        return self._wanted

    @wanted.setter
    def wanted(self, value: float) -> None:
        if not self._limits["low"] <= value <= self._limits["high"]:
            raise ValueError(f"{value} is out of limits")
        self._wanted = value

    @expose
    @property
    def limits(self) -> dict[str, float]:
        """Which temperatures may be wanted. It has no setter, so it can only be read."""
        return self._limits

    @expose
    def __len__(self) -> int:
        return len(self._limits)


def main() -> None:
    """Serve one thermostat."""
    with Daemon() as daemon:
        print("ready:", daemon.register(Thermostat(), "example.thermostat"))
        daemon.requestLoop()


if __name__ == "__main__":
    main()
