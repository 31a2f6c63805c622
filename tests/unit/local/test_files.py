"""Ports that are given out once."""

from local.files import free_ports

# Linux gives those from here on to whatever asks for any, and to each connection that goes out.
FIRST_OF_THE_SYSTEM = 32_768


def test_no_port_is_given_out_twice():
    """A port is not given again before its owner listens, nor is it one that any connection may take."""
    found = [port for _ in range(50) for port in free_ports(2)]
    assert len(set(found)) == 100
    assert max(found) < FIRST_OF_THE_SYSTEM
