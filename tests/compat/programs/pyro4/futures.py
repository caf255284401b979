"""Calls that return at once: asynchronous proxies, batches and functions."""

import copy
import threading

import Pyro4
import Pyro4.futures

gate = threading.Event()


@Pyro4.expose
class Worker:
    def wait(self, number):
        gate.wait(20)
        return number * 2

    def fail(self, number):
        raise ValueError(f"number {number}")

    def add(self, one, other):
        return one + other


def use_proxies(uri):
    proxy = Pyro4.Proxy(uri)
    asynchronous = copy.copy(proxy)
    Pyro4.asyncproxy(asynchronous)
    results = [asynchronous.wait(number) for number in range(3)]
    print([result.ready for result in results], results[0].wait(0.01))
    gate.set()
    print([result.value for result in results], results[0].ready, results[0].wait(1))
    failed = asynchronous.fail(7)
    try:
        print(failed.value)
    except ValueError as error:
        print(error)
    chained = asynchronous.add(1, 2).then(lambda value, more: value + more, 10)
    chained.then(lambda value: f"<{value}>")
    print(chained.value)
    handled = threading.Event()
    asynchronous.fail(8).iferror(lambda error: handled.set())
    batch = Pyro4.batch(proxy)
    batch.add(3, 4)
    batch.add(5, 6)
    print(list(batch(asynchronous=True).value))
    proxy._pyroRelease()
    asynchronous._pyroRelease()


def use_functions():
    future = Pyro4.Future(lambda one, other: one * other)
    future.then(lambda value: value + 1)
    print(future(6, 7).value)
    waiting = Pyro4.Future(lambda: 1)
    print(waiting.delay(100), waiting.cancel())
    try:
        waiting()
    except RuntimeError:
        print("cancelled")
    failing = Pyro4.Future(lambda: 1 // 0)
    seen = []
    failing.iferror(lambda error: seen.append(type(error).__name__))
    try:
        print(failing().value)
    except ZeroDivisionError:
        print(seen)


def main():
    daemon = Pyro4.Daemon(host="127.0.0.1")
    uri = daemon.register(Worker())
    loop = threading.Thread(target=daemon.requestLoop)
    loop.start()
    use_proxies(uri)
    daemon.shutdown()
    loop.join()
    daemon.close()
    use_functions()


if __name__ == "__main__":
    main()
