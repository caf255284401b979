"""The server: a window whose text others can change. Tk's loop and the daemon share a thread."""

import select
import tkinter

from pyrolike.api import Daemon, config, expose

EVERY = 20
"""Milliseconds between two looks at the daemon: what a call waits at most, and nobody sees."""


class Board:
    """A window with a line of text.

    A remote call may touch widgets here, because it runs in the thread that they belong to. Calls
    of a daemon of the type "thread" must not: they would have to hand their work over by a queue.
    """

    def __init__(self, window: tkinter.Tk) -> None:
        self._window = window
        self._label = tkinter.Label(window, text="nothing yet", font=("", 24), padx=40, pady=40)
        self._label.pack()

    @expose
    def show(self, text: str) -> str:
        """Show *text*, and return what was there before."""
        before = str(self._label["text"])
        self._label["text"] = text
        self._window.update_idletasks()
        print("the window shows:", text)
        return before

    @expose
    def size(self) -> tuple[int, int]:
        """Return the width and height that the text needs."""
        return self._label.winfo_reqwidth(), self._label.winfo_reqheight()

    @expose
    def close(self) -> None:
        """End the program, once the caller has its answer."""
        self._window.after(EVERY, self._window.destroy)


def main() -> None:
    """Open the window, and look at the daemon's sockets again and again."""
    config.SERVERTYPE = "multiplex"
    window = tkinter.Tk()
    window.title("gui_eventloop")

    with Daemon() as daemon:

        def look() -> None:
            ready, _, _ = select.select(daemon.sockets, [], [], 0)
            if ready:
                daemon.events(ready)
            window.after(EVERY, look)

        print("ready:", daemon.register(Board(window), "example.board"))
        look()
        window.mainloop()
    print("the window is closed")


if __name__ == "__main__":
    main()
