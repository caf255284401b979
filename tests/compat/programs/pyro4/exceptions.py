"""Errors on the other side: types, attributes, tracebacks, the hook, and the errors of Pyro."""

import sys
import threading

import Pyro4
import Pyro4.errors
import Pyro4.util

Pyro4.config.POLLTIMEOUT = 0.1


@Pyro4.expose
class Faulty:
    def divide(self, one, other):
        return one // other

    def complain(self):
        error = ValueError("bad", 42)
        error.hint = "better not"
        raise error

    def own(self):
        raise Pyro4.errors.NamingError("of my own")


def show(function, *args):
    try:
        return function(*args)
    except Exception as error:
        text = "".join(Pyro4.util.getPyroTraceback())
        print(type(error).__name__, error.args, "Remote traceback" in text, "in divide" in text)
        return error


def main():
    daemon = Pyro4.Daemon(host="127.0.0.1")
    uri = daemon.register(Faulty())
    loop = threading.Thread(target=daemon.requestLoop)
    loop.start()
    with Pyro4.Proxy(uri) as faulty:
        show(faulty.divide, 1, 0)
        print(show(faulty.complain).hint)
        print(isinstance(show(faulty.own), Pyro4.errors.PyroError))
        try:
            faulty.nothing()
        except AttributeError:
            print("nothing of the kind")
        faulty._pyroRelease()
    missing = Pyro4.Proxy(f"PYRO:missing@{uri.location}")
    try:
        missing._pyroBind()
    except Pyro4.errors.CommunicationError as error:
        print("no such object", "unknown object" in str(error))
    daemon.shutdown()
    loop.join()
    daemon.close()
    try:
        Pyro4.Proxy(uri)._pyroBind()
    except Pyro4.errors.CommunicationError as error:
        print("nobody there", "cannot connect" in str(error))
    for name in ("ConnectionClosedError", "TimeoutError", "SerializeError", "ProtocolError"):
        assert issubclass(getattr(Pyro4.errors, name), Pyro4.errors.CommunicationError)
    sys.excepthook = Pyro4.util.excepthook
    sys.stderr = sys.stdout
    Pyro4.util.excepthook(ValueError, ValueError("the hook was here"), None)


if __name__ == "__main__":
    main()
