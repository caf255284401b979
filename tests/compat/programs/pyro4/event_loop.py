"""A program with a loop of its own: a name server and a daemon in one thread, then combined."""

import select
import threading

import Pyro4
import Pyro4.naming
import Pyro4.socketutil
from Pyro4.core import expose

Pyro4.config.SERVERTYPE = "multiplex"
Pyro4.config.POLLTIMEOUT = 0.1


@expose
class Greeter:
    def greet(self, name):
        return f"hello {name}"


def call(port, answers):
    with Pyro4.locateNS("127.0.0.1", port) as ns:
        uri = ns.lookup("greeter")
    with Pyro4.Proxy(uri) as greeter:
        answers.append(greeter.greet("you"))
        answers.append(greeter.greet("there"))


def main():
    address = Pyro4.socketutil.getIpAddress("127.0.0.1")
    with Pyro4.socketutil.createSocket() as sock:
        print(address, Pyro4.socketutil.family_str(sock))
    ns_uri, ns_daemon, broadcaster = Pyro4.naming.startNS(
        host="127.0.0.1", port=0, enableBroadcast=False
    )
    print(ns_uri.object, broadcaster)
    daemon = Pyro4.Daemon(host="127.0.0.1")
    ns_daemon.nameserver.register("greeter", daemon.register(Greeter))

    answers = []
    client = threading.Thread(target=call, args=(ns_uri.port, answers))
    client.start()
    while client.is_alive():
        ns_sockets, sockets = set(ns_daemon.sockets), set(daemon.sockets)
        readable, _, _ = select.select(ns_sockets | sockets, [], [], 0.05)
        if ns_sockets.intersection(readable):
            ns_daemon.events([one for one in readable if one in ns_sockets])
        if sockets.intersection(readable):
            daemon.events([one for one in readable if one in sockets])
    print(answers)

    daemon.combine(ns_daemon)
    client = threading.Thread(target=call, args=(ns_uri.port, answers))
    client.start()
    daemon.requestLoop(client.is_alive)
    print(answers[2:])
    ns_daemon.close()
    daemon.close()


if __name__ == "__main__":
    main()
