"""An exception of our own. Both sides import it; the client has to say what arrives as what."""

from typing import Any

from pyrolike.api import register_dict_to_class


class OutOfForms(Exception):
    """There is no form with that *number*."""

    def __init__(self, text: str, number: int = 0) -> None:
        super().__init__(text)
        self.number = number


def teach() -> None:
    """Make the exception known. Exceptions travel as arguments and attributes."""
    register_dict_to_class("errors.OutOfForms", from_dict)


def from_dict(class_name: str, data: dict[str, Any]) -> OutOfForms:
    """Make the exception anew, with the remote traceback if the server has sent one."""
    error = OutOfForms(str(data["args"][0]), int(data["attributes"]["number"]))
    error._pyroTraceback = data["attributes"].get("_pyroTraceback", [])  # type: ignore[attr-defined]
    return error
