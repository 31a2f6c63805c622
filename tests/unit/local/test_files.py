"""Ports that nobody uses."""

from local.files import free_ports


def test_no_port_is_given_twice():
    """Who was given a port may not listen on it yet when the next one asks."""
    ports = [*free_ports(50), *(port for _ in range(50) for port in free_ports(1))]
    assert len(set(ports)) == 100
