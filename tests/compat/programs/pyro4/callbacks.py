"""A server that calls its client back, which serves until everything is done."""

import queue
import threading

import Pyro4
from Pyro4 import Daemon, Proxy, callback, expose, oneway


class Master:
    def __init__(self):
        self.failures = queue.Queue()

    @expose
    def next_failure(self):
        return self.failures.get(timeout=20)

    @expose
    @oneway
    def start(self, number, worker_of):
        worker_of.done(f"job {number}")
        try:
            worker_of.fail(number)
        except ValueError as error:
            self.failures.put(f"failed with {error}")


class Client:
    def __init__(self):
        self.messages = []
        self.failed = 0

    @expose
    def done(self, message):
        self.messages.append(message)

    @expose
    @callback
    def fail(self, number):
        self.failed += 1
        raise ValueError(f"number {number}")


def main():
    server = Daemon(host="127.0.0.1")
    uri = server.register(Master())
    loop = threading.Thread(target=server.requestLoop)
    loop.start()
    client = Client()
    with Pyro4.Daemon(host="127.0.0.1") as daemon, Proxy(uri) as master:
        daemon.register(client)
        for number in range(3):
            master.start(number, client)
        daemon.requestLoop(lambda: len(client.messages) < 3 or client.failed < 3)
        print(sorted(master.next_failure() for _ in range(3)))
    server.shutdown()
    loop.join()
    server.close()
    print(sorted(client.messages))


if __name__ == "__main__":
    Pyro4.config.POLLTIMEOUT = 0.1
    main()
