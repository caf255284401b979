"""The client: sends something along beside its calls, and reads what comes back."""

import sys
import uuid
from collections.abc import Mapping
from typing import Any

from pyrolike.api import Proxy, current_context


class Regular(Proxy):
    """A proxy that annotates its own calls, and keeps what comes with the answers."""

    def _pyroAnnotations(self) -> dict[str, bytes]:
        return {"USER": b"Grace"}

    def _pyroResponseAnnotations(self, annotations: Mapping[str, Any], msgtype: int) -> None:
        self._pyroMenu = bytes(annotations["MENU"]).decode()


def main(uri: str) -> None:
    """Show each way in which something can travel beside a call."""
    with Proxy(uri) as inn:
        inn._pyroBind()
        # What a thread assigns goes with each of its calls, through whatever proxy.
        current_context.annotations = {"USER": b"Ada"}
        # A correlation id ties calls together; servers pass it on with the calls that they make.
        current_context.correlation_id = uuid.UUID(int=0x5EED << 112)
        print("seen there:", inn.look())

        print(inn.order("beans"))
        answer = current_context.response_annotations
        print("seen here: ", {name: bytes(answer[name]).decode() for name in sorted(answer)})

        inn.look()  # what came with the reply before is gone
        print("and then:  ", sorted(current_context.response_annotations))

    with Regular(uri) as inn:
        print("regular:   ", inn.look()["guest"], "knows the menu:", inn._pyroMenu)


if __name__ == "__main__":
    main(sys.argv[1] if sys.argv[1:] else input("Where is the inn? "))
