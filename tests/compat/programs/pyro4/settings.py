"""What Pyro4's programs know of settings, sockets and exposure, in Pyro4's own words."""

import threading

import Pyro4
import Pyro4.configuration
import Pyro4.constants
import Pyro4.errors
import Pyro4.socketutil
import Pyro4.util


class Plain:
    """Nothing here is marked."""

    def __init__(self):
        self._size = 1

    def shout(self, text):
        return text.upper()

    @property
    def size(self):
        return self._size

    def _private(self):
        return "never"


class Heir(Plain):
    def whisper(self, text):
        return text.lower()


def main():
    print(Pyro4.constants.PROTOCOL_VERSION, Pyro4.constants.NAMESERVER_NAME)
    names = Pyro4.config.asDict()
    print(len(names), names["THREADPOOL_SIZE"], names["BROADCAST_ADDRS"], names["MAX_MESSAGE_SIZE"])
    print(Pyro4.config.PREFER_IP_VERSION, sorted(Pyro4.config.SERIALIZERS_ACCEPTED))
    print(Pyro4.config.parseAddressesString("one, two ,''"))
    print(Pyro4.config.dump().splitlines()[-1])
    Pyro4.config.SERIALIZERS_ACCEPTED.add("pickle")
    Pyro4.config.THREADPOOL_SIZE = 7
    Pyro4.config.reset(useenvironment=False)
    print(Pyro4.config.THREADPOOL_SIZE, "pickle" in Pyro4.config.SERIALIZERS_ACCEPTED)

    print(Pyro4.socketutil.getIpAddress("127.0.0.1"), Pyro4.socketutil.getIpVersion("::1"))
    print(Pyro4.socketutil.getInterfaceAddress("127.0.0.1"))
    sock = Pyro4.socketutil.createSocket(bind=("127.0.0.1", 0), timeout=3)
    other = Pyro4.socketutil.createSocket(connect=sock.getsockname())
    accepted, _ = sock.accept()
    Pyro4.socketutil.sendData(other, b"hello")
    print(Pyro4.socketutil.receiveData(accepted, 5), sock.gettimeout())
    connection = Pyro4.socketutil.SocketConnection(accepted)
    connection.setTimeout(2)
    print(connection.getTimeout(), connection.family())
    for one in (sock, other, connection):
        one.close()

    serializer = Pyro4.util.get_serializer("json")
    data, compressed = serializer.serializeData(["x" * 500], compress=True)
    print(compressed, serializer.deserializeData(data, compressed=compressed) == ["x" * 500])
    print(sorted(Pyro4.util.get_exposed_members(Heir, only_exposed=False)["methods"]))
    print(Pyro4.util.get_exposed_members(Heir))

    Pyro4.config.REQUIRE_EXPOSE = False
    daemon = Pyro4.Daemon(host="127.0.0.1")
    uri = daemon.register(Heir())
    loop = threading.Thread(target=daemon.requestLoop)
    loop.start()
    with Pyro4.Proxy(uri) as heir:
        print(heir.shout("a"), heir.whisper("B"), heir.size)
        try:
            heir._private()
        except AttributeError:
            print("private")
        heir._pyroSerializer = "pickle"
        try:
            heir.shout("a")
        except Pyro4.errors.PyroError as error:
            print("pickle is refused", isinstance(error, Pyro4.errors.CommunicationError))
    daemon.shutdown()
    loop.join()
    daemon.close()


if __name__ == "__main__":
    main()
