"""Which addresses a download may go to: those of the public internet."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

# Written out, because `is_global` lets some of them pass, other ones by Python's version.
NOT_PUBLIC = tuple(
    ip_network(text)
    for text in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16"),
        *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        "168.63.129.16/32",  # a public number that is the machine's own host in one cloud
        # Within the public part of IPv6: what leads on to IPv4 (Teredo, 6to4), and examples.
        *("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"),
    )
)
PUBLIC_IPV6 = ip_network("2000::/3")
"""All else is local, reserved, for many, or holds an IPv4 address (mapped, NAT64)."""


def is_public(text: str) -> bool:
    """Whether an address, as getaddrinfo gives it, belongs to a server on the public internet."""
    try:
        address: IPv4Address | IPv6Address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address not in PUBLIC_IPV6:
        return False
    return not any(
        address in network for network in NOT_PUBLIC if network.version == address.version
    )
