"""A client for Pyro5. Nothing in it knows of pyrolike."""

import sys
import threading

import Pyro5.api
import Pyro5.errors


def plant_peas(garden):
    """Use a proxy in a thread: Pyro5 wants it to be claimed."""
    garden._pyroClaimOwnership()
    garden.plant(2, "peas")


def main(uri):
    """Plant something."""
    with Pyro5.api.Proxy(uri) as garden:
        garden.plant(1, "roses")
        thread = threading.Thread(target=plant_peas, args=[garden])
        thread.start()
        thread.join()
        garden._pyroClaimOwnership()
        try:
            garden.plant(1, "beans")
        except Pyro5.errors.PyroError as error:
            print("no:", error)
        for bed, plant in garden.plants():
            print(f"bed {bed}: {plant}")
        here = Pyro5.api.Proxy.__module__.partition(".")[0]
        print(f"the server runs on {garden.library}, the client on {here}")


if __name__ == "__main__":
    main(sys.argv[1])
