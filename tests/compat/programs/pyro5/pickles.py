"""References to Pyro's classes in pickles, and a child process that is given some."""

import copy
import multiprocessing
import pickle
import threading

import Pyro5.api
import Pyro5.client
import Pyro5.core
import Pyro5.errors


@Pyro5.api.expose
class Adder:
    def add(self, one, other):
        return one + other


def call(adder, results):
    results.put(adder.add(20, 22))


# A proxy as Pyro5's users may have it on their disks.
WRITTEN = (
    b"\x80\x02cPyro5.core\nURI\n)\x81(X\x04\x00\x00\x00PYROX\x01\x00\x00\x00aNX\x01\x00\x00\x00h"
    b"K\x01tb."
)


def main():
    daemon = Pyro5.api.Daemon(host="127.0.0.1")
    uri = daemon.register(Adder())
    loop = threading.Thread(target=daemon.requestLoop)
    loop.start()
    with Pyro5.client.Proxy(uri) as adder:
        print(adder.add(1, 2))
        again = pickle.loads(pickle.dumps(adder))
        print(again == adder, again._pyroUri == uri, copy.copy(adder) == adder)
        error = pickle.loads(pickle.dumps(Pyro5.errors.NamingError("pickled")))
        print(type(error) is Pyro5.errors.NamingError, error)
        found = pickle.loads(WRITTEN)
        print(type(found) is Pyro5.core.URI, found)
        spawning = multiprocessing.get_context("spawn")
        results = spawning.Queue()
        child = spawning.Process(target=call, args=(adder, results))
        child.start()
        print(results.get())
        child.join()
    daemon.shutdown()
    loop.join()
    daemon.close()


if __name__ == "__main__":
    main()
