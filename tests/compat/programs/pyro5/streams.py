"""Iterators across the wire, batches, attributes and binary data."""

import threading

import Pyro5.api
import Pyro5.errors


@Pyro5.api.expose
class Source:
    def __init__(self):
        self._level = 3

    def squares(self, count):
        for number in range(count):
            yield number * number

    def failing(self):
        yield "first"
        raise LookupError("no second")

    def for_ever(self):
        while True:
            yield "tick"

    @property
    def level(self):
        return self._level

    @level.setter
    def level(self, level):
        self._level = level

    def divide(self, one, other):
        return one // other

    def __len__(self):
        return 7

    def reverse(self, data):
        return data[::-1]

    def hidden(self):
        return "nobody sees this"


del Source.hidden._pyroExposed


def use(source):
    print(list(source.squares(5)))
    items = source.failing()
    print(next(items))
    try:
        next(items)
    except LookupError as error:
        print(type(error).__name__, error)
    ticks = source.for_ever()
    print(next(ticks), next(ticks))
    ticks.close()
    source.level += 4
    print(source.level, len(source), bool(source))
    batch = Pyro5.api.BatchProxy(source)
    batch.divide(100, 3)
    batch.divide(1, 0)
    batch.divide(2, 1)
    results = batch()
    print(next(results))
    try:
        next(results)
    except ZeroDivisionError as error:
        print("divided by zero", bool(error._pyroTraceback))
    for name in ("hidden", "_level", "unheard"):
        try:
            getattr(source, name)
        except AttributeError:
            print("no", name)
    for serializer in ("marshal", "msgpack"):
        source._pyroSerializer = serializer
        print(bytes(source.reverse(b"abc")))


def main():
    daemon = Pyro5.api.Daemon(host="127.0.0.1")
    uri = daemon.register(Source(), "source")
    loop = threading.Thread(target=daemon.requestLoop)
    loop.start()
    with Pyro5.api.Proxy(uri) as source:
        use(source)
    with Pyro5.api.Proxy(daemon.uriFor(Pyro5.core.DAEMON_NAME)) as about:
        print(sorted(about.registered()))
    daemon.shutdown()
    loop.join()
    daemon.close()


if __name__ == "__main__":
    main()
