"""Which addresses a webhook may reach: the service must not be made to speak to itself or to a cloud's metadata."""

from __future__ import annotations

import ipaddress

from slmm.alerts.messages import DeliveryFailed

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

PRIVATE = [
    ipaddress.ip_network(network)
    for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "::1", "fc00::/7")
]
"""Only by the channel's ``allow_private``: many sites are a LAN and nothing else."""

METADATA = {ipaddress.ip_address(address) for address in ("fd00:ec2::254", "100.100.100.200", "168.63.129.16")}
"""Metadata services outside the link-local range (AWS over IPv6, Alibaba, Azure)."""

NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052


def fault(text: str, *, allow_private: bool) -> str | None:
    """Why this address must not be reached; None if it may."""
    address = _innermost(ipaddress.ip_address(text.partition("%")[0]))
    if address in METADATA or address.is_link_local:
        return "an address within the computer or of its cloud"
    if any(address in network for network in PRIVATE):
        return None if allow_private else "a private or loopback address, and allow_private is not set"
    if address.is_multicast or address.is_unspecified or address.is_reserved:
        return "no address of a single computer"
    return None if address.is_global else "no public address"


def usable(host: str, addresses: list[str], *, allow_private: bool) -> list[str]:
    """Those of a host's addresses that may be reached; raises DeliveryFailed when there are none."""
    faults = {address: fault(address, allow_private=allow_private) for address in addresses}
    good = [address for address, found in faults.items() if found is None]
    if good:
        return good
    told = "; ".join(f"{address} is {found}" for address, found in faults.items())
    raise DeliveryFailed(f"{host} must not be reached: {told}", stage="dns", is_final=True)


def _innermost(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    # A Teredo address holds its server and its client; no webhook lives behind either.
    return address.ipv4_mapped or address.sixtofour or address
