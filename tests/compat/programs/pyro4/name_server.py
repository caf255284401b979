"""A name server in a process of its own: names, tags, and addresses by name."""

import re
import subprocess
import sys
import threading

import Pyro4
import Pyro4.errors
from Pyro4 import Daemon, Proxy, expose, locateNS
from Pyro4.naming import type_meta


@expose
class Clock:
    def tell(self):
        return "noon"


def wait_for_port(server):
    for line in server.stdout:
        found = re.match(r"URI = PYRO:Pyro.NameServer@127.0.0.1:(\d+)", line)
        if found:
            return int(found[1])
    raise RuntimeError("no name server")


def use():
    with Daemon(host="127.0.0.1") as daemon, locateNS() as ns:
        loop = threading.Thread(target=daemon.requestLoop)
        loop.start()
        uri = daemon.register(Clock)
        ns.register("clock.one", uri, metadata=type_meta(Clock) | {"here"})
        ns.register("clock.two", uri)
        print(sorted(ns.list(prefix="clock.")))
        found, tags = ns.lookup("clock.one", return_metadata=True)
        print(found == uri, sorted(tags))
        print(list(ns.list(metadata_all=["here"])))
        with Proxy("PYRONAME:clock.two") as clock:
            print(clock.tell())
        with Proxy("PYROMETA:here,class:__main__.Clock") as clock:
            print(clock.tell())
        print(Pyro4.resolve("PYRONAME:clock.one") == uri)
        print(ns.remove("clock.two"), ns.remove(prefix="clock."), ns.count())
        try:
            ns.lookup("clock.one")
        except Pyro4.errors.NamingError as error:
            print(type(error).__name__, "clock.one" in str(error))
        daemon.shutdown()
        loop.join()


def main():
    command = [sys.executable, "-u", "-m", "Pyro4.naming", "-n", "127.0.0.1", "-p", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            Pyro4.config.NS_HOST = "127.0.0.1"
            Pyro4.config.NS_PORT = wait_for_port(server)
            use()
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
