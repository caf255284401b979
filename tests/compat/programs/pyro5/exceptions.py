"""Errors on the other side: types, attributes, tracebacks, the hook, and the errors of Pyro."""

import sys
import threading

import Pyro5.api
import Pyro5.errors

Pyro5.config.POLLTIMEOUT = 0.1


@Pyro5.api.expose
class Faulty:
    def divide(self, one, other):
        return one // other

    def complain(self):
        error = ValueError("bad", 42)
        error.hint = "better not"
        raise error

    def own(self):
        raise Pyro5.errors.NamingError("of my own")


def show(function, *args):
    try:
        return function(*args)
    except Exception as error:
        text = "".join(Pyro5.errors.get_pyro_traceback(*sys.exc_info()))
        print(type(error).__name__, error.args, "Remote traceback" in text, "in divide" in text)
        return error


def main():
    daemon = Pyro5.api.Daemon(host="127.0.0.1")
    uri = daemon.register(Faulty())
    loop = threading.Thread(target=daemon.requestLoop)
    loop.start()
    seen = []
    daemon.methodcall_error_handler = lambda *args: seen.append(args[2].__name__)
    with Pyro5.api.Proxy(uri) as faulty:
        show(faulty.divide, 1, 0)
        print(show(faulty.complain).hint)
        print(isinstance(show(faulty.own), Pyro5.errors.PyroError))
        try:
            faulty.nothing()
        except AttributeError:
            print("nothing of the kind")
        faulty._pyroRelease()
    print(len(seen))
    missing = Pyro5.api.Proxy(f"PYRO:missing@{uri.location}")
    try:
        missing._pyroBind()
    except Pyro5.errors.CommunicationError as error:
        print("no such object", "unknown object" in str(error))
    daemon.shutdown()
    loop.join()
    daemon.close()
    try:
        Pyro5.api.Proxy(uri)._pyroBind()
    except Pyro5.errors.CommunicationError as error:
        print("nobody there", "cannot connect" in str(error))
    for name in ("ConnectionClosedError", "TimeoutError", "SerializeError", "ProtocolError"):
        assert issubclass(getattr(Pyro5.errors, name), Pyro5.errors.CommunicationError)
    sys.excepthook = Pyro5.errors.excepthook
    sys.stderr = sys.stdout
    Pyro5.errors.excepthook(ValueError, ValueError("the hook was here"), None)


if __name__ == "__main__":
    main()
