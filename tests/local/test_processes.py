"""The ports of the local stack."""

import socket

import pytest

from dreamlake_assets.local.processes import accepts_connections, is_free, reserved_ports


def test_reserved_ports_are_for_those_who_know_them() -> None:
    with reserved_ports(100) as ports:
        assert len(set(ports)) == 100
        assert not any(accepts_connections(port) for port in ports)
        # Like a server without SO_REUSEADDR, or a client with an ephemeral port.
        with socket.socket() as other, pytest.raises(OSError, match="Address already in use"):
            other.bind(("127.0.0.1", ports[0]))

        assert is_free(ports[0])
        with socket.create_server(("127.0.0.1", ports[0])):
            assert accepts_connections(ports[0])
