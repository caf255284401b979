"""The client: plain HTTP and JSON. Nothing in it knows of pyrolike, or has to be in Python."""

import json
import sys
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, build_opener

OPEN = build_opener().open


def ask(address: str, arguments: dict[str, Any] | None = None) -> str:
    """Make a request, with *arguments* as JSON if there are any, and return the answer's text."""
    body = None if arguments is None else json.dumps(arguments).encode()
    request = Request(address, body, {"Content-Type": "application/json"})
    with OPEN(request, timeout=10) as response:
        return str(response.read().decode())


def main(gateway: str) -> None:
    """Ask the gateway at *gateway* for what the dictionary has."""
    dictionary = f"{gateway}http.dictionary"
    print("what there is:", ask(f"{dictionary}/$meta"))
    print("attribute:    ", ask(f"{dictionary}/size"))
    print("call by GET:  ", ask(f"{dictionary}/translate?word=bread"))
    print("call by POST: ", ask(f"{dictionary}/translate", {"word": "beer"}))
    print("stream:       ", ask(f"{dictionary}/words").split())
    try:
        ask(f"{dictionary}/translate?word=tea")
    except HTTPError as error:
        with error:
            print("error:        ", error.code, json.load(error)["__class__"])


if __name__ == "__main__":
    main(sys.argv[1] if sys.argv[1:] else "http://localhost:8080/pyro/")
