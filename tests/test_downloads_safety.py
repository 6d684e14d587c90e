"""No URL of a stranger's makes this machine ask what only it can reach, or tells a secret."""

import base64
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cbir.downloads import Downloader, Web, without_credentials
from cbir.downloads.addresses import is_public
from cbir.errors import BadPicture
from tests.conftest import encoded, picture
from tests.web_server import WebServer, redirect

DATA = encoded(picture(1))
QUICK = Web(timeout=2, silence=1, pause=0.01)
LOCAL = replace(QUICK, allow_local=True)
PUBLIC = "93.184.215.14"


@pytest.fixture
def server() -> Iterator[WebServer]:
    with WebServer() as server:
        yield server


class Names:
    """A resolver that knows only what it is told; it counts what it is asked."""

    def __init__(self, **known: list[str]):
        self.known = {name.replace("_", "."): addresses for name, addresses in known.items()}
        self.asked: list[str] = []

    def __call__(self, host: str, port: int, **_: Any) -> list[Any]:
        self.asked.append(host)
        addresses = self.known.get(host)
        if addresses is None:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        found = []
        for text in addresses:
            family = socket.AF_INET6 if ":" in text else socket.AF_INET
            place = (text, port, 0, 0) if ":" in text else (text, port)
            found.append((family, socket.SOCK_STREAM, 0, "", place))
        return found


def reason(downloader: Downloader, url: str) -> str:
    with pytest.raises(BadPicture) as caught:
        downloader.fetch(url)
    return str(caught.value)


def refused(address: str) -> str:
    return (
        f"it leads to an address of this machine or a private network ({address}); "
        "--allow-local allows that"
    )


# --- addresses

NOT_PUBLIC = (
    "0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.127.255.255 127.0.0.1 127.9.9.9 169.254.169.254 "
    "172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.192 192.0.2.1 192.88.99.1 192.168.1.1 "
    "198.18.0.1 198.19.255.255 198.51.100.7 203.0.113.7 224.0.0.1 239.255.255.250 240.0.0.1 "
    "255.255.255.255 168.63.129.16 :: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:93.184.215.14 "
    "::ffff:0:93.184.215.14 64:ff9b::7f00:1 64:ff9b::5db8:d70e 64:ff9b:1::1 100::1 2001::1 "
    "2001:0:53aa:64c:0:fbff:a32e:28f1 2001:10::1 2001:20::1 2001:db8::1 2002:7f00:1:: "
    "2002:5db8:d70e::1 3fff::1 5f00::1 fc00::1 fd00:ec2::254 fe80::1 fe80::1%eth0 fec0::1 "
    "ff02::1 ff0e::1 4000::1 nonsense"
)


@pytest.mark.parametrize("address", NOT_PUBLIC.split())
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", PUBLIC, "172.32.0.1", "100.128.0.1", "198.20.0.1", "2606:2800:220:1::", "2a00::1"],
)
def test_addresses_that_are_public(address: str) -> None:
    assert is_public(address)


@settings(max_examples=300, deadline=None)
@given(st.ip_addresses())
def test_what_python_does_not_call_global_is_not_public(address: IPv4Address | IPv6Address) -> None:
    if is_public(str(address)):
        assert address.is_global
        assert not address.is_multicast


# --- names and where they lead


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "localhost", "LOCALHOST", "localhost.", "0.0.0.0", "0", "127.1"),
        *("2130706433", "0x7f000001", "0177.0.0.1", "[::1]", "[::ffff:127.0.0.1]"),
        *("[64:ff9b::7f00:1]", "[::]"),
    ],
)
def test_this_machine_by_any_name_is_refused(server: WebServer, host: str) -> None:
    server.give("a.jpg", DATA)
    with Downloader(QUICK) as downloader:
        said = reason(downloader, server.url("a.jpg", host))
    other = ("the name does not resolve", "that can't be a URL")
    assert "it leads to an address of this machine" in said or said in other
    assert server.connections == 0


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], [PUBLIC, "127.0.0.1"], ["127.0.0.1", PUBLIC], ["::1", PUBLIC]]
)
def test_a_name_that_leads_here_is_refused(server: WebServer, addresses: list[str]) -> None:
    """Also if it leads elsewhere as well: it could be that one's turn next."""
    names = Names(shop_example=addresses)
    with Downloader(QUICK, names) as downloader:
        said = reason(downloader, server.url("a.jpg", "shop.example"))
    assert said == refused(next(a for a in addresses if a != PUBLIC))
    assert server.connections == 0


def test_the_connection_goes_where_the_check_looked(
    server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that is resolved again may lead elsewhere by then."""
    server.give("a.jpg", DATA)
    names = Names(shop_example=["127.0.0.1"])

    def again(*_: Any, **__: Any) -> None:
        raise AssertionError("resolved by somebody else")

    monkeypatch.setattr(socket, "getaddrinfo", again)
    with Downloader(LOCAL, names) as downloader:
        fetched = downloader.fetch(server.url("a.jpg", "shop.example"))
    assert fetched is not None
    assert fetched.data == DATA
    assert names.asked == ["shop.example"]
    assert server.requests[0].headers["Host"] == f"shop.example:{server.port}"


def test_the_next_address_is_tried(server: WebServer) -> None:
    url = server.url("a.jpg", "shop.example")
    server.give("a.jpg", DATA)
    with Downloader(LOCAL, Names(shop_example=["127.0.0.9", "::1", "127.0.0.1"])) as downloader:
        assert downloader.fetch(url) is not None


def test_a_redirect_is_checked_like_the_first_url(server: WebServer) -> None:
    """The first server seems public to the check, which looks at each connection anew."""
    for name, to in {
        "a.jpg": "http://inside.example/secret",
        "b.jpg": "http://127.0.0.2/secret",
        "c.jpg": "http://[::1]/secret",
        "d.jpg": "//inside.example/secret",
    }.items():
        server.on(name, redirect(to))
    names = Names(shop_example=["127.0.0.1"], inside_example=["10.0.0.1"])
    names.known |= {"127.0.0.2": ["127.0.0.2"], "::1": ["::1"]}
    with Downloader(LOCAL, names) as downloader:
        wires = downloader._asking.wires
        lookup = wires.lookup

        def public_first(host: str, port: int, **how: Any) -> list[Any]:
            wires.allow_local = host == "shop.example"
            return lookup(host, port, **how)

        wires.lookup = public_first
        for name, address in zip("abcd", ["10.0.0.1", "127.0.0.2", "::1", "10.0.0.1"], strict=True):
            said = reason(downloader, server.url(f"{name}.jpg", "shop.example"))
            assert said == refused(address)


def test_no_proxy_is_asked(server: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with Downloader(LOCAL) as downloader:
        assert downloader.fetch(server.give("a.jpg", DATA)) is not None


@pytest.mark.parametrize("url", ["file:///etc/hostname", "FILE:///etc/hostname", "file://x/a"])
def test_files_are_refused(url: str) -> None:
    with Downloader(QUICK) as downloader:
        said = reason(downloader, url)
    assert said == "it names a file of this machine; --allow-local allows that"


def test_names_that_do_not_resolve() -> None:
    with Downloader(QUICK, Names(empty_example=[])) as downloader:
        for host in ("nowhere.example", "empty.example", f"{'a' * 64}.example", "..", "*"):
            assert reason(downloader, f"http://{host}/a.jpg") in (
                "the name does not resolve",
                "that can't be a URL",
            )


def test_a_resolver_that_is_down_is_asked_again() -> None:
    asked = []

    def down(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        raise socket.gaierror(socket.EAI_AGAIN, "try again")

    with Downloader(QUICK, down) as downloader:
        assert reason(downloader, "http://shop.example/a.jpg") == "the name does not resolve"
    assert len(asked) == 3


# --- secrets


def test_user_and_password_are_sent_to_their_server_only(server: WebServer) -> None:
    with WebServer() as other:
        other.give("theirs.jpg", DATA)
        server.on("a.jpg", redirect("/b.jpg"))
        server.on("b.jpg", redirect(server.url("c.jpg")))
        server.on("c.jpg", redirect(other.url("theirs.jpg")))
        with Downloader(LOCAL) as downloader:
            downloader.fetch(server.url("a.jpg").replace("://", "://me:s%40cret@"))
        wanted = "Basic " + base64.b64encode(b"me:s@cret").decode()
        assert [one.headers.get("Authorization") for one in server.requests] == [wanted] * 3
        assert [one.headers.get("Authorization") for one in other.requests] == [None]


@pytest.mark.parametrize(
    "url",
    [
        "http://me:s3cret@127.0.0.1:1/a.jpg",
        "http://me:s3cret@shop.example/a.jpg",
        "http://me:s3cret@127.0.0.1:port/a.jpg",
        "http://me:s3cret@[::1/a.jpg",
        "ftp://me:s3cret@shop.example/a.jpg",
        "file://me:s3cret@shop.example/a.jpg",
        "http:s3cret@shop",
        "http://me:s3cret@/",
    ],
)
@pytest.mark.parametrize("web", [QUICK, LOCAL])
def test_no_message_tells_a_password(url: str, web: Web) -> None:
    with Downloader(web, Names()) as downloader:
        assert "s3cret" not in reason(downloader, url)


def test_a_url_without_its_credentials() -> None:
    plain = "https://shop.example/a@b.jpg?to=me:you@there"
    assert without_credentials(plain) == plain
    assert without_credentials("https://me:p@ss@shop.example/a@b.jpg") == (
        "https://shop.example/a@b.jpg"
    )


def test_a_redirect_sets_no_cookies(server: WebServer) -> None:
    """Requests know nothing of each other."""
    server.on("a.jpg", lambda h: h.whole(302, b"", Location="/b.jpg", Set_Cookie="id=1"))
    server.give("b.jpg", DATA)
    with Downloader(LOCAL) as downloader:
        downloader.fetch(server.url("a.jpg"))
        downloader.fetch(server.url("b.jpg"))
    assert not any("Cookie" in one.headers for one in server.requests)


# --- whatever stands in a table

PARTS = st.text(min_size=0, max_size=20)
URLS = st.one_of(
    st.text(max_size=60),
    st.builds(
        "{}://{}{}{}".format, st.sampled_from(["http", "https", "HTTP"]), PARTS, PARTS, PARTS
    ),
    st.builds("http://{}@{}:{}/{}?{}#{}".format, PARTS, PARTS, PARTS, PARTS, PARTS, PARTS),
)


@settings(max_examples=300, deadline=None)
@given(url=URLS)
def test_any_text_has_a_reason(url: str) -> None:
    with Downloader(replace(QUICK, tries=1), Names()) as downloader:
        said = reason(downloader, url)
    assert said
    assert "\n" not in said


@settings(max_examples=100, deadline=None)
@given(location=st.one_of(URLS, st.binary(max_size=40).map(lambda b: b.decode("latin-1"))))
def test_any_redirect_leads_to_a_web_server(location: str) -> None:
    from httpx import URL

    from cbir.downloads.urls import redirected

    try:
        target = redirected(URL("https://me:s3cret@shop.example/a.jpg"), location)
    except BadPicture:
        return
    assert target.scheme in ("http", "https")
    assert target.raw_host
    if (target.scheme, target.raw_host, target.port) != ("https", b"shop.example", None):
        assert b"s3cret" not in target.userinfo


# --- certificates


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of this machine's own, with its key in the same file."""
    path = tmp_path_factory.mktemp("certificate") / "both.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=DNS:shop.example"]
    try:
        subprocess.run(
            [*command.split(), *names, "-keyout", path, "-out", path.with_suffix(".crt")],
            check=True,
            capture_output=True,
        )
    except FileNotFoundError:
        pytest.skip("the openssl command makes the certificate for this test")
    path.write_bytes(path.read_bytes() + path.with_suffix(".crt").read_bytes())
    return path


@pytest.fixture
def secure(certificate: Path) -> Iterator[WebServer]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    with WebServer(context) as server:
        yield server


@pytest.fixture
def trusting(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], ssl.SSLContext]:
    def trusted() -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(certificate))

    monkeypatch.setattr("cbir.downloads.trust.trusted", trusted)
    return trusted


@pytest.mark.usefixtures("trusting")
def test_a_secure_server(secure: WebServer) -> None:
    secure.give("a.jpg", DATA)
    url = secure.url("a.jpg", "shop.example").replace("http:", "https:")
    with Downloader(LOCAL, Names(shop_example=["127.0.0.1"])) as downloader:
        for _ in range(2):
            fetched = downloader.fetch(url)
            assert fetched is not None
            assert fetched.data == DATA
    assert secure.connections == 1


@pytest.mark.usefixtures("trusting")
def test_a_server_with_another_s_certificate(secure: WebServer) -> None:
    url = secure.url("a.jpg", "other.example").replace("http:", "https:")
    with Downloader(LOCAL, Names(other_example=["127.0.0.1"])) as downloader:
        said = reason(downloader, url)
    assert said.startswith("its server's certificate is not valid: hostname mismatch")


def test_a_server_that_nobody_vouches_for(secure: WebServer, server: WebServer) -> None:
    with Downloader(LOCAL, Names(shop_example=["127.0.0.1"])) as downloader:
        said = reason(downloader, secure.url("a.jpg", "shop.example").replace("http:", "https:"))
        assert said == "its server's certificate is not valid: self-signed certificate"
        said = reason(downloader, server.url("a.jpg", "shop.example").replace("http:", "https:"))
        assert said == "no secure connection to its server"
    assert secure.requests == server.requests == []
