"""Classes exposed as Pyro4 had it before 4.46; with 4.82 itself this does not run."""

import threading

import Pyro4


@Pyro4.expose(instance_mode="single", instance_creator=lambda clazz: clazz(40))
class Counter:
    def __init__(self, start):
        self.count = start

    def increase(self):
        self.count += 1
        return self.count


def main():
    daemon = Pyro4.Daemon(host="127.0.0.1")
    uri = daemon.register(Counter)
    loop = threading.Thread(target=daemon.requestLoop)
    loop.start()
    for _ in range(2):
        with Pyro4.core.Proxy(uri) as counter:
            print(counter.increase())
    daemon.shutdown()
    loop.join()
    daemon.close()


if __name__ == "__main__":
    main()
