from pyrolike import message, protocol


def test_it_offers_what_the_protocol_does() -> None:
    for name in message.__all__:
        assert getattr(message, name) is getattr(protocol, name)
