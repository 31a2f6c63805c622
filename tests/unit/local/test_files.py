"""Ports that are given out once."""

import socket

from local.files import free_ports


def test_no_port_is_given_out_twice_nor_by_the_system():
    """A port is not given again before its owner listens, nor is it one that any connection may take."""
    found = [port for _ in range(50) for port in free_ports(2)]
    assert len(set(found)) == 100
    with socket.socket() as anybody:
        anybody.bind(("127.0.0.1", 0))
        assert max(found) < anybody.getsockname()[1]


def test_a_port_in_use_is_passed_over():
    """What another program listens on is given to nobody."""
    [port] = free_ports(1)
    with socket.socket() as owner:
        owner.bind(("127.0.0.1", port + 1))
        assert port + 1 not in free_ports(3)
