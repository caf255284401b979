"""A class of the two ends, and how it travels. The post office in the middle never imports this."""

from dataclasses import asdict, dataclass
from typing import Any

from pyrolike.api import register_class_to_dict, register_dict_to_class


@dataclass
class Parcel:
    """What is sent."""

    sender: str
    contents: list[str]


def _to_dict(parcel: Parcel) -> dict[str, Any]:
    return {"__class__": "example.Parcel", **asdict(parcel)}


def _from_dict(_name: str, data: dict[str, Any]) -> Parcel:
    return Parcel(data["sender"], data["contents"])


register_class_to_dict(Parcel, _to_dict)
register_dict_to_class("example.Parcel", _from_dict)
