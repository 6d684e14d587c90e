"""A catalogue's pictures: templates, names, manifests and S3, each by itself."""

import gzip
import logging
import sys
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbir.errors import BadPicture, BadSource, BadSpec, MissingPackage
from cbir.extraction import check_values, parse, read_manifest, s3
from cbir.extraction.names import ENDINGS, stem
from cbir.extraction.whole import check_whole, is_whole_file
from cbir.images import read_header
from cbir.items import item_rule
from cbir.tables import write_table
from tests.conftest import encoded, picture
from tests.web_server import Behaviour, Handler, WebServer, in_turn, status, truncated
from tests.web_server import picture as whole

KNOWN = ["id", "product_id_model", "domain_id", "dpt_number"]
URL = parse("https://example.org/{product_id_model}/{id}.jpg", "--url-template", KNOWN)

# Templates


def test_a_template_is_filled() -> None:
    template = parse("s3://b/{domain_id}_{dpt_number}000.gz", "--manifest", KNOWN)
    assert template.filled({"domain_id": "0341", "dpt_number": "371"}) == "s3://b/0341_371000.gz"
    assert parse("a{{b}}c", "x", KNOWN).filled({}) == "a{b}c"
    assert parse("plain", "x", KNOWN).fields == []


def test_values_can_not_lead_a_url_elsewhere() -> None:
    values = {"product_id_model": "@evil.org/../x", "id": "1?a=b#c é"}
    filled = URL.filled_url(values)
    assert filled == "https://example.org/%40evil.org%2F..%2Fx/1%3Fa%3Db%23c%20%C3%A9.jpg"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{DPT_NUMBER}", "no field {DPT_NUMBER}; did you mean dpt_number?"),
        ("{product_id}", "did you mean product_id_model?"),
        ("{}", "no field {}; choose one of id,"),
        ("{id.__class__}", "no field {id.__class__}"),
        ("{id[0]}", "no field"),
        ("{id!r}", "no field"),
        ("{id:>99999999}", "no field"),
        ("{id", "a brace too many"),
        ("id}", "a brace too many"),
    ],
)
def test_other_fields_are_refused(text: str, words: str) -> None:
    with pytest.raises(BadSpec) as error:
        parse(text, "--url-template", KNOWN)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_value_that_is_missing() -> None:
    template = parse("{dpt_number}/{id}", "--manifest", KNOWN)
    check_values(template, {"dpt_number": "1"}, {"dpt_number": "--dpt-number"})
    with pytest.raises(BadSpec, match=r"names \{dpt_number\}; give --dpt-number"):
        check_values(template, {"dpt_number": None}, {"dpt_number": "--dpt-number"})


# Names


def test_names_say_product_and_picture() -> None:
    assert stem("8123456", "771") == "8123456_771"
    assert stem("a-B 1", "é") == "a-B%201_%C3%A9"
    assert stem("stick_1.0", "x/y") == "stick%5F1%2E0_x%2Fy"
    with pytest.raises(BadPicture, match="more than 200"):
        stem("é" * 30, "x" * 30)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=9)
NASTY = TEXT | st.sampled_from(
    ["..", ".", "/", "\\", "_", "a_b", "%5F", "~", "NUL", "\0", "C:", "-"]
)


@given(NASTY, NASTY, NASTY, NASTY)
def test_no_two_pictures_or_items_share_a_name(a: str, b: str, c: str, d: str) -> None:
    item = item_rule("underscore")
    names = [f"{stem(product, id)}.jpg" for product, id in ((a, b), (c, d))]
    for name in names:
        assert name.isascii()
        assert not set(name) & set('/\\:*?"<>|\0 ')
        assert not name.startswith(".")
    assert (names[0] == names[1]) == ((a, b) == (c, d))
    assert (item(names[0]) == item(names[1])) == (a == c)


# Whole pictures


@pytest.mark.parametrize(
    "suffix", [".jpg", ".png", ".webp", ".gif", ".bmp", ".tif", ".jp2", ".ppm"]
)
def test_whole_pictures(tmp_path: Path, suffix: str) -> None:
    data = encoded(picture(), suffix)
    assert ENDINGS[check_whole(data)] == {".ppm": ".pnm"}.get(suffix, suffix)
    path = tmp_path / f"x{suffix}"
    path.write_bytes(data)
    assert is_whole_file(str(path))
    path.write_bytes(data + b"\0" * 1000)  # some programs write on behind the end
    assert is_whole_file(str(path))


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_parts_of_pictures(tmp_path: Path, suffix: str) -> None:
    data = encoded(picture(), suffix)
    data = data[: len(data) - 10]
    read_header(data)  # which has nothing to say against it
    with pytest.raises(BadPicture, match="came only in part"):
        check_whole(data)
    (tmp_path / "x").write_bytes(data)
    assert not is_whole_file(str(tmp_path / "x"))


def test_what_is_no_whole_picture(tmp_path: Path) -> None:
    for data in (b"", b"<html>", b"\xff\xd8\xff", b"BM"):
        (tmp_path / "x").write_bytes(data)
        assert not is_whole_file(str(tmp_path / "x"))
    assert not is_whole_file(str(tmp_path))
    assert not is_whole_file(str(tmp_path / "none"))


def test_every_format_has_an_ending() -> None:
    source = (Path(sys.modules[read_header.__module__].__file__ or "")).read_text()
    source += (Path(sys.modules["cbir.images.boxes"].__file__ or "")).read_text()
    for name in ENDINGS:
        assert f'"{name}"' in source, f"the decoder knows no format {name}"


# Manifests


def listed(path: Path) -> list[tuple[str, str]]:
    return [(one.stem, one.url) for one in read_manifest(str(path), URL, {}).wanted]


def test_a_manifest_lists_each_picture_once(tmp_path: Path) -> None:
    text = b"other,id,product_id_model\nx,1,A\ny,2,A\nz,1,A\n,01,A\n, 1 ,B\n"
    (tmp_path / "m.gz").write_bytes(gzip.compress(text))
    (tmp_path / "m.csv").write_bytes(text.replace(b",", b";"))
    expected = [
        ("A_1", "https://example.org/A/1.jpg"),
        ("A_2", "https://example.org/A/2.jpg"),
        ("A_01", "https://example.org/A/01.jpg"),
        ("B_1", "https://example.org/B/1.jpg"),
    ]
    assert listed(tmp_path / "m.gz") == expected
    assert listed(tmp_path / "m.csv") == expected
    table = pa.table({"id": [1, 2, None], "product_id_model": [7, 7, 7]})
    write_table(tmp_path / "m.parquet", table)
    assert [name for name, _ in listed(tmp_path / "m.parquet")] == ["7_1", "7_2"]


def test_rows_that_name_no_picture_are_failures(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text(f"id,product_id_model\n1,A\n,A\n2, \n{'9' * 300},A\n..,A\n")
    manifest = read_manifest(str(tmp_path / "m.csv"), URL, {})
    assert [one.stem for one in manifest.wanted] == ["A_1"]
    assert manifest.failures == [
        ("row 2 of the manifest", "it has no id"),
        ("row 3 of the manifest", "it has no product_id_model"),
        ("row 4 of the manifest", "its name would have more than 200 characters"),
        ("row 5 of the manifest", "its id is '..'"),  # which would lead to another path
    ]


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("none.csv", "it is not there"),
        ("https://example.org/m.gz", "neither a file nor s3://"),
        ("s3://bucket", "is not s3://BUCKET/KEY"),
        ("s3:///key", "is not s3://BUCKET/KEY"),
    ],
)
def test_manifests_that_are_none(place: str, words: str) -> None:
    with pytest.raises(BadSource, match=words):
        read_manifest(place, URL, {})


def test_a_manifest_without_the_columns(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("id,product_id_modle\n1,A\n")
    with pytest.raises(BadSource, match=r"'product_id_model'; did you mean product_id_modle\?"):
        read_manifest(str(tmp_path / "m.csv"), URL, {})


def test_a_manifest_s_columns_that_are_no_text(tmp_path: Path) -> None:
    table = pa.table({"id": pa.array([b"\xff\xfe"], pa.binary()), "product_id_model": ["A"]})
    write_table(tmp_path / "m.parquet", table)
    with pytest.raises(BadSource, match="the manifest's column id holds binary, which is no text"):
        read_manifest(str(tmp_path / "m.parquet"), URL, {})


def test_rows_that_repeat_a_picture_need_no_room(tmp_path: Path) -> None:
    """Of two pictures, in turn; the first row counts where their names differ in spaces only."""
    numbers = pa.array(np.arange(1_000_000, dtype=np.int32) % 4)
    ids = pa.DictionaryArray.from_arrays(numbers, ["1", "2", " 1", "1 "])
    products = pa.DictionaryArray.from_arrays(pa.array(np.zeros(1_000_000, np.int32)), ["A"])
    write_table(tmp_path / "m.parquet", pa.table({"id": ids, "product_id_model": products}))
    tracemalloc.start()
    assert [name for name, _ in listed(tmp_path / "m.parquet")] == ["A_1", "A_2"]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20 << 20


# S3: moto's server for what goes well, and what such a server says when it does not


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Credentials of nobody, and nothing of this machine's own."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nothing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
    }.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """The address of an S3 server."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def put(endpoint: str, bucket: str, key: str, data: bytes) -> str:
    import boto3

    client = boto3.session.Session().client("s3", endpoint_url=endpoint)
    client.create_bucket(Bucket=bucket)
    client.put_object(Bucket=bucket, Key=key, Body=data)
    client.close()
    return f"s3://{bucket}/{key}"


def why(url: str, endpoint: str) -> str:
    with pytest.raises(BadSource) as error, s3.fetched(url, endpoint):
        pass
    assert "\n" not in str(error.value)
    assert str(error.value).startswith(f"can't read {url}: ")
    return str(error.value).removeprefix(f"can't read {url}: ")


def test_a_manifest_on_s3(moto: str) -> None:
    """The key and bucket of the earlier tool, dot in the bucket's name and all."""
    text = b"product_id_model,id\n" + b"".join(b"%d,%d\n" % (i // 3, i) for i in range(50_000))
    key = "images/data/pixlIDs_domain_id_0341_dpt_num_department_371000.gz"
    place = put(moto, "preprod.datamining", key, gzip.compress(text))
    started = time.monotonic()
    manifest = read_manifest(place, URL, {}, moto)
    assert time.monotonic() - started < 30
    assert len(manifest.wanted) == 50_000
    assert manifest.wanted[-1].stem == "16666_49999"


def test_what_is_not_on_s3(moto: str) -> None:
    put(moto, "bucket", "key", b"x")
    assert why("s3://bucket/none", moto) == "there is no such key in the bucket"
    assert why("s3://no-bucket/key", moto) == "there is no such bucket"
    assert "no bucket's name" in why("s3://no bucket/key", moto)


def test_credentials_that_are_not_there(moto: str, monkeypatch: pytest.MonkeyPatch) -> None:
    url = put(moto, "bucket2", "key", b"x")
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    assert "no such AWS profile" in why(url, moto)
    monkeypatch.delenv("AWS_PROFILE")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert "half of the AWS credentials" in why(url, moto)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    assert "aws configure" in why(url, moto)


def test_an_object_that_is_too_large(moto: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "LARGEST", 1 << 20)
    url = put(moto, "bucket3", "key", bytes((1 << 20) + 1))
    assert why(url, moto) == "it has more than 1 MB"


def said(code: str, http: int = 403, **headers: str) -> Behaviour:
    """An error as S3 puts it."""
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>so\nit is</Message></Error>"

    def answer(handler: Handler) -> None:
        handler.whole(http, body.encode(), Content_Type="application/xml", **headers)

    return answer


@pytest.mark.parametrize(
    ("code", "http", "words"),
    [
        ("AccessDenied", 403, "access denied"),
        ("InvalidAccessKeyId", 403, "access key is not known"),
        ("SignatureDoesNotMatch", 403, "does not fit the access key"),
        ("ExpiredToken", 400, "log in again"),
        ("RequestTimeTooSkewed", 403, "clock is wrong"),
        ("InvalidObjectState", 403, "restore it first"),
        ("PermanentRedirect", 301, "another region, eu-west-3; set AWS_REGION"),
        ("SomethingElse", 400, "so it is"),
    ],
)
def test_refusals_of_s3(code: str, http: int, words: str) -> None:
    with WebServer() as server:
        server.on("b/k", said(code, http, x_amz_bucket_region="eu-west-3"))
        server.on("b", said(code, http, x_amz_bucket_region="eu-west-3"))  # boto3 asks where it is
        assert words in why("s3://b/k", f"http://127.0.0.1:{server.port}")


def test_s3_servers_that_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "TRIES", 1)
    with WebServer() as server:
        endpoint = f"http://127.0.0.1:{server.port}"
    assert "no connection to the S3 server" in why("s3://b/k", endpoint)
    assert "Invalid endpoint" in why("s3://b/k", "nonsense")
    monkeypatch.setattr(s3, "READ_SECONDS", 0.2)
    with WebServer() as server:
        server.on("b/k", lambda handler: handler.rest(5))
        assert "does not answer in time" in why("s3://b/k", f"http://127.0.0.1:{server.port}")


def test_an_answer_that_is_broken_off_is_asked_for_again() -> None:
    with WebServer() as server:
        endpoint = f"http://127.0.0.1:{server.port}"
        server.on("b/k", truncated(bytes(300_000)))
        assert "came only in part" in why("s3://b/k", endpoint)
        assert len(server.asked("b/k")) == s3.TRIES
        good = bytes(300_000)
        server.on("b/k", in_turn(truncated(good), whole(good)))
        with s3.fetched("s3://b/k", endpoint) as file:
            assert file.read() == good


def test_boto3_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(MissingPackage, match="pip install boto3"), s3.fetched("s3://b/k"):
        pass


def test_a_server_error_is_told() -> None:
    with WebServer() as server:
        server.on("b/k", status(404))
        assert "no such" in why("s3://b/k", f"http://127.0.0.1:{server.port}")
