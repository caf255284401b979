"""Serializers that run code, used only because both sides name them."""

import threading

import Pyro4
import Pyro4.errors

Pyro4.config.SERIALIZERS_ACCEPTED = {"pickle", "dill", "cloudpickle"}


@Pyro4.expose
class Applier:
    def apply(self, function, *args):
        return function(*args)

    def fail(self):
        raise Pyro4.errors.NamingError("pickled")


def main():
    daemon = Pyro4.Daemon(host="127.0.0.1")
    uri = daemon.register(Applier())
    loop = threading.Thread(target=daemon.requestLoop)
    loop.start()
    for name in ("pickle", "dill", "cloudpickle"):
        with Pyro4.Proxy(uri) as applier:
            applier._pyroSerializer = name
            print(name, applier.apply(max, 3, 5), applier.apply(set, "aa"))
            if name != "pickle":
                print(applier.apply(lambda one, other: one - other, 50, 8))
            try:
                applier.fail()
            except Pyro4.errors.NamingError as error:
                print(error)
            print(applier.apply(lambda_free, uri) == uri)
    Pyro4.config.SERIALIZER = "serpent"
    with Pyro4.Proxy(uri) as applier:
        try:
            applier.apply("x")
        except Pyro4.errors.PyroError as error:
            print("serpent is refused", isinstance(error, Pyro4.errors.CommunicationError))
    daemon.shutdown()
    loop.join()
    daemon.close()


def lambda_free(thing):
    return thing


if __name__ == "__main__":
    main()
