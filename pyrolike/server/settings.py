"""What a daemon needs of the settings, as they are at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyrolike.objects.dispatch import CallPolicy
from pyrolike.serializers import TAGS, SerializerBase, get_serializer, serializers

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pyrolike.configure import Configuration, Validity


@dataclass(frozen=True, slots=True)
class ServingSettings:
    """Settings that hold for each request; taken anew when the configuration has changed.

    Attributes:
        validity: Whether the configuration still says so.
        codecs: For those serializers that are accepted: the family of class names that the client
            knows, and the number of the serializer, to the serializer.
        max_size: Most bytes of a message, both ways.
        compress: Whether replies are compressed.
        log_wire: Whether messages are logged.
        needs_care: Whether either is so: the one thing the usual reply has to look at.
        oneway_threaded: Whether oneway calls run beside the calls that follow them.
        policy: What concerns the calls themselves.
    """

    validity: Validity
    codecs: Mapping[str, Mapping[int, SerializerBase]]
    max_size: int
    compress: bool
    log_wire: bool
    needs_care: bool
    oneway_threaded: bool
    policy: CallPolicy

    @classmethod
    def take(cls, config: Configuration, accepted: Collection[str]) -> ServingSettings:
        """Take them from *config*; *accepted* are the serializers the daemon was made with."""
        validity = config.validity  # first: a change meanwhile is then noticed at the next request
        compress, log_wire = config.COMPRESSION, config.LOGWIRE
        policy = CallPolicy(
            require_expose=config.REQUIRE_EXPOSE,
            streaming=config.ITER_STREAMING,
            stream_limit=config.ITER_STREAM_LIMIT,
            detailed_tracebacks=config.DETAILED_TRACEBACK,
            send_tracebacks=config.REMOTE_TRACEBACKS,
            max_size=config.MAX_MESSAGE_SIZE,
        )
        # The default names msgpack; where the extra is not installed, nobody can use it.
        names = [name for name in accepted if name != "msgpack" or name in serializers]
        codecs = {tags: _take_codecs(config, names, tags) for tags in TAGS}
        return cls(
            validity,
            codecs,
            config.MAX_MESSAGE_SIZE,
            compress,
            log_wire,
            compress or log_wire,
            config.ONEWAY_THREADED,
            policy,
        )


def _take_codecs(
    config: Configuration, names: Collection[str], tags: str
) -> dict[int, SerializerBase]:
    """Return serializers by their numbers; *tags* is the family of class names they write."""
    codecs = (
        get_serializer(
            name,
            bytes_repr=config.SERPENT_BYTES_REPR,
            json_module=config.JSON_MODULE,
            pickle_protocol=config.PICKLE_PROTOCOL_VERSION,
            dill_protocol=config.DILL_PROTOCOL_VERSION,
            tags=tags,
        )
        for name in names
    )
    return {codec.serializer_id: codec for codec in codecs}
