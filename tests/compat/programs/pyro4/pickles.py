"""References to Pyro's classes in pickles, and a child process that is given some."""

import copy
import multiprocessing
import pickle
import threading

import Pyro4
import Pyro4.core
import Pyro4.errors


@Pyro4.expose
class Adder:
    def add(self, one, other):
        return one + other


def call(adder, results):
    results.put(adder.add(20, 22))


# A proxy as Pyro4's users may have it on their disks.
WRITTEN = (
    b"\x80\x02cPyro4.core\nURI\n)\x81(X\x04\x00\x00\x00PYROX\x01\x00\x00\x00aNX\x01\x00\x00\x00h"
    b"K\x01tb."
)


def main():
    daemon = Pyro4.Daemon(host="127.0.0.1")
    uri = daemon.register(Adder())
    loop = threading.Thread(target=daemon.requestLoop)
    loop.start()
    with Pyro4.core.Proxy(uri) as adder:
        print(adder.add(1, 2))
        again = pickle.loads(pickle.dumps(adder))
        print(again == adder, again._pyroUri == uri, copy.copy(adder) == adder)
        error = pickle.loads(pickle.dumps(Pyro4.errors.NamingError("pickled")))
        print(type(error) is Pyro4.errors.NamingError, error)
        found = pickle.loads(WRITTEN)
        print(type(found) is Pyro4.core.URI, found)
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
