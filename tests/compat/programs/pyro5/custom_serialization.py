"""Classes of one's own: converters, what happens without them, and blobs passed on unopened."""

import threading

from Pyro5.api import (
    Daemon,
    Proxy,
    SerializedBlob,
    SerializerBase,
    config,
    expose,
    register_class_to_dict,
    register_dict_to_class,
)
from Pyro5.errors import SerializeError


class Point:
    def __init__(self, x, y):
        self.x = x
        self.y = y


class Unknown:
    """Nobody has a converter for it."""


Unknown.__module__ = "geometry"  # a name with two underscores would be refused for these


def point_to_dict(point):
    return {"__class__": "geometry.point", "at": [point.x, point.y]}


def dict_to_point(classname, data):
    print("making a", classname)
    return Point(*data["at"])


@expose
class Mirror:
    def flip(self, point):
        return Point(point.y, point.x)

    def show(self, thing):
        return type(thing).__name__

    def unknown(self):
        return Unknown()

    def pass_on(self, blob):
        return [blob.info, [type(part).__name__ for part in blob.deserialized()]]


def main():
    register_class_to_dict(Point, point_to_dict)
    register_dict_to_class("geometry.point", dict_to_point)
    daemon = Daemon(host="127.0.0.1")
    uri = daemon.register(Mirror)
    loop = threading.Thread(target=daemon.requestLoop)
    loop.start()
    for serializer in ("serpent", "json", "msgpack"):
        config.SERIALIZER = serializer
        with Proxy(uri) as mirror:
            flipped = mirror.flip(Point(1, 2))
            print(serializer, flipped.x, flipped.y)
            if serializer != "json":  # with which Pyro itself opens blobs to something else
                print(mirror.pass_on(SerializedBlob("the point", [Point(3, 4)])))
            for bad in (lambda: mirror.show(Unknown()), mirror.unknown):
                try:
                    bad()
                except SerializeError as error:
                    print("refused:", "Unknown" in str(error))
    SerializerBase.unregister_class_to_dict(Point)
    SerializerBase.unregister_dict_to_class("geometry.point")
    daemon.shutdown()
    loop.join()
    daemon.close()


if __name__ == "__main__":
    main()
