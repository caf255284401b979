"""Instance modes, the call's context, tracked resources, and hooks of the handshake."""

import threading
import uuid

import Pyro5.api
import Pyro5.errors
from Pyro5.api import behavior, current_context, expose

closed = threading.Event()
resources = []


class Resource:
    def close(self):
        closed.set()


@expose
@behavior(instance_mode="percall")
class PerCall:
    def number(self):
        return id(self)


@expose
@behavior(instance_mode="single", instance_creator=lambda clazz: clazz("created"))
class Single:
    def __init__(self, how):
        self.how = how

    def tell(self):
        return self.how


@expose
class Session:
    def __init__(self):
        self.count = 0

    def increase(self):
        self.count += 1
        resources.append(Resource())
        current_context.track_resource(resources[-1])
        return self.count

    def context(self):
        current_context.response_annotations = {"BACK": b"and back"}
        there = bytes(current_context.annotations["GOES"]).decode()
        return there, str(current_context.correlation_id), current_context.client is not None


class Daemon(Pyro5.api.Daemon):
    def validateHandshake(self, conn, data):
        if data != "the word":
            raise ValueError("that is not the word")
        return "welcome"

    def annotations(self):
        return {"DAEM": b"from the daemon"}


class Proxy(Pyro5.api.Proxy):
    def _pyroValidateHandshake(self, response):
        print("the daemon says", response)


def main():
    daemon = Daemon(host="127.0.0.1")
    uris = [daemon.register(clazz) for clazz in (PerCall, Single, Session)]
    loop = threading.Thread(target=daemon.requestLoop)
    loop.start()
    stranger = Pyro5.api.Proxy(uris[0])
    try:
        stranger._pyroBind()
    except Pyro5.errors.CommunicationError as error:
        print("refused:", "that is not the word" in str(error))
    percall, single, session = map(Proxy, uris)
    for proxy in (percall, single, session):
        proxy._pyroHandshake = "the word"
    print(percall._pyroUri.object != single._pyroUri.object)
    print(single.tell(), single.tell())
    print(session.increase(), session.increase())
    current_context.annotations = {"GOES": b"there"}
    current_context.correlation_id = uuid.UUID(int=5)
    print(*session.context())
    answer = {name: bytes(value) for name, value in current_context.response_annotations.items()}
    print(sorted(answer.items()))
    for proxy in (percall, single, session):
        proxy._pyroRelease()
    print(closed.wait(10))
    daemon.shutdown()
    loop.join()
    daemon.close()


if __name__ == "__main__":
    main()
