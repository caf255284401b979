"""A worker: fetches work when it has none. Start as many as there are processors, anywhere."""

from pyrolike.api import Proxy


def factorise(number: int) -> list[int]:
    """Return the prime factors."""
    factors, divisor = [], 2
    while divisor * divisor <= number:
        while number % divisor == 0:
            factors.append(divisor)
            number //= divisor
        divisor += 1
    return [*factors, number] if number > 1 else factors


def main() -> None:
    """Work until Ctrl-C."""
    print("at work", flush=True)
    try:
        with Proxy("PYRONAME:example.dispatcher") as dispatcher:
            while True:
                # A worker takes the next thing when it is done with the last. So the fast ones do
                # more, and nobody has to plan that.
                if (number := dispatcher.get_work(0.2)) is not None:
                    dispatcher.put_result((number, factorise(number)))
    except KeyboardInterrupt:
        print("goes home")


if __name__ == "__main__":
    main()
