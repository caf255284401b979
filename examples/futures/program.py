"""Futures: functions of your own that run in the background, in chains, later, or not at all."""

import threading

from pyrolike import Future


def add(a: int, b: int) -> int:
    """Return the sum."""
    return a + b


def main() -> None:
    """Show what a future can do, one thing after the other."""
    # Calling a future calls its function in another thread, and returns a result at once.
    result = Future(add)(4, 5)
    print("value:", result.value)

    # `then` adds functions that get the value of the one before, and further arguments.
    future = Future(add).then(add, 10).then(pow, 2)
    print("chain:", future(1, 2).value)

    # A future of which nobody wants the function called any more, is cancelled in time.
    future = Future(add)
    future.delay(3600)
    result = future(1, 2)
    print("cancelled:", future.cancel())
    try:
        print(result.value)
    except RuntimeError as error:
        print("its result:", error)

    # An error is raised where the value is asked for. `iferror` hears of it without asking.
    heard = threading.Event()

    def handle(error: BaseException) -> None:
        print("handler:", error)
        heard.set()

    future = Future(divmod).iferror(handle)
    future.then(print)  # left out: there is no value
    future(1, 0)
    heard.wait(20)


if __name__ == "__main__":
    main()
