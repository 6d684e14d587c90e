"""Networks in ONNX files: how pictures go in, how vectors come out, what is refused."""

import io
import json
import math
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from cbir import places, user_files
from cbir.descriptors.keras_networks import MobileNet, squashed
from cbir.descriptors.onnx import Onnx, header
from cbir.descriptors.onnx.mean_std import IMAGENET, canonical, numbers
from cbir.errors import BadPicture, BadSpec
from cbir.recipe import parse_one
from cbir.user_files import UserFile
from tests.conftest import ROOT, Run, encoded, picture

F32, F16, F64, U8, I64 = (
    TensorProto.FLOAT,
    TensorProto.FLOAT16,
    TensorProto.DOUBLE,
    TensorProto.UINT8,
    TensorProto.INT64,
)
SIZE, DIM = 12, 5
KERNEL = np.random.default_rng(7).standard_normal((DIM, 3, 4, 4)).astype(np.float32)

Side = int | str | None


def info(name: str, kind: int = F32, shape: Sequence[Side] | None = ()) -> Any:
    return helper.make_tensor_value_info(name, kind, shape)


def model(
    nodes: list[Any],
    inputs: list[Any],
    outputs: list[Any],
    weights: dict[str, NDArray] | None = None,
    opset: int = 17,
    domains: Sequence[str] = (),
) -> Any:
    numbers = [numpy_helper.from_array(array, name) for name, array in (weights or {}).items()]
    graph = helper.make_graph(nodes, "network", inputs, outputs, numbers)
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(d, 1) for d in domains)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def node(kind: str, inputs: str, output: str, **attributes: Any) -> Any:
    return helper.make_node(kind, inputs.split(), [output], **attributes)


# What follows the convolution, from (n, 5, 3, 3), in the layout of the input.
HEADS = {
    "vector": [node("GlobalAveragePool", "map", "g"), node("Flatten", "g", "y")],
    "tokens": [node("Reshape", "map flat", "r"), node("Transpose", "r", "y", perm=[0, 2, 1])],
    "map": [node("Identity", "map", "y")],
    "map-nhwc": [node("Transpose", "map", "y", perm=[0, 2, 3, 1])],
}


def network(
    head: str = "vector",
    layout: str = "nchw",
    kind: int = F32,
    batch: Side = "n",
    size: Side = SIZE,
    output: str = "y",
) -> Any:
    """A convolution and a head."""
    sides = [batch, 3, size, size] if layout == "nchw" else [batch, size, size, 3]
    first = (
        [node("Cast", "x", "c", to=F32)]
        if layout == "nchw"
        else [node("Cast", "x", "t", to=F32), node("Transpose", "t", "c", perm=[0, 3, 1, 2])]
    )
    last = [node("Cast", "y", output, to=F16 if kind == F16 else F32)] if output != "y" else []
    if head == "map" and layout == "nhwc":
        head = "map-nhwc"
    shape = {"vector": ["n", DIM], "tokens": ["n", None, DIM]}.get(head, ["n", None, None, None])
    return model(
        [*first, node("Conv", "c w", "map", strides=[4, 4]), *HEADS[head], *last],
        [info("x", kind, sides)],
        [info(output, F16 if kind == F16 and last else F32, shape)],
        {"w": KERNEL, "flat": np.array([0, DIM, -1])},
    )


def expected(
    images: list[NDArray], head: str, mean: float = 0.0, std: float = 1 / 255
) -> NDArray[np.float64]:
    """What such a network makes of pictures, computed without it."""
    vectors = []
    for image in images:
        small = (squashed(image, SIZE) / 255 - mean) / std
        patches = small.reshape(3, 4, 3, 4, 3)  # row, y, column, x, colour
        made = np.einsum("rycxk,dkyx->rcd", patches, KERNEL.astype(np.float64))
        vectors.append(made[0, 0] if head == "tokens" else made.mean(axis=(0, 1)))
    return np.array(vectors)


Save = Callable[..., Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    def save(made: Any, name: str = "model.onnx") -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(made if isinstance(made, bytes) else made.SerializeToString())
        return path

    return save


def descriptor(path: Path, **settings: Any) -> Onnx:
    return Onnx(UserFile.of(path), **settings)


def describe(onnx_descriptor: Onnx, images: list[NDArray]) -> NDArray[np.float32]:
    return onnx_descriptor.describe([onnx_descriptor.prepare(image) for image in images])


IMAGES = [picture(seed, width, 60) for seed, width in enumerate((90, 60, 200))]


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
@pytest.mark.parametrize("head", ["vector", "tokens", "map"])
def test_layouts_and_outputs(head: str, layout: str, save: Save) -> None:
    made = descriptor(save(network(head, layout)), mean="0.25", std="0.5")
    assert (made.layout, made.size, made.output, made.pixels) == (layout, SIZE, "y", SIZE)
    vectors = describe(made, IMAGES)
    assert vectors.dtype == np.float32
    assert vectors == pytest.approx(expected(IMAGES, head, 0.25, 0.5), rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("kind", [F16, F64])
def test_other_numbers(kind: int, save: Save) -> None:
    vectors = describe(descriptor(save(network("vector", kind=kind, output="z"))), IMAGES[:1])
    usual = describe(descriptor(save(network(), "usual.onnx")), IMAGES[:1])
    assert vectors.dtype == np.float32
    assert vectors == pytest.approx(usual, rel=0.01, abs=0.01)


def test_bytes_are_taken_as_they_are(save: Save) -> None:
    path = save(network("vector", "nhwc", U8))
    made = descriptor(path)
    assert (made.mean, made.std) == ("none", "none")
    assert describe(made, IMAGES) == pytest.approx(expected(IMAGES, "vector"), rel=1e-4, abs=0.1)
    with pytest.raises(BadSpec, match="leave mean and std out"):
        descriptor(path, mean="0.5")
    explicit = {"size": SIZE, "layout": "nhwc", "output": "y"}
    with pytest.raises(BadSpec, match="leave mean and std out"):
        describe(descriptor(path, mean="0.5", std="0.5", **explicit), IMAGES)
    with pytest.raises(BadSpec, match="as numbers"):
        descriptor(save(network()), mean="none")


@pytest.mark.parametrize("batch", [1, 4, None])
def test_fixed_numbers_of_pictures(batch: Side, save: Save) -> None:
    fixed = describe(descriptor(save(network(batch=batch), "fixed.onnx")), IMAGES * 3)
    assert np.array_equal(fixed[:3], fixed[3:6])
    usual = describe(descriptor(save(network())), IMAGES * 3)
    assert fixed == pytest.approx(usual, rel=1e-5)


def test_the_same_in_any_batch(save: Save) -> None:
    """Matrix products by onnxruntime are not, when a batch is one of their sides."""
    random = np.random.default_rng(0)
    weights = {
        "w": random.standard_normal((384, 3, 16, 16)).astype(np.float32),
        "m": random.standard_normal((384, 512)).astype(np.float32),
    }
    nodes = [
        node("Conv", "x w", "c", strides=[16, 16]),
        node("GlobalAveragePool", "c", "g"),
        node("Flatten", "g", "f"),
        node("MatMul", "f m", "y"),
    ]
    path = save(model(nodes, [info("x", F32, ["n", 3, 64, 64])], [info("y", F32, None)], weights))
    images = [picture(seed) for seed in range(9)]
    made = descriptor(path)
    together = describe(made, images)
    alone = np.concatenate([describe(made, [image]) for image in images])
    assert together.tobytes() == alone.tobytes()
    assert together[::-1].tobytes() == describe(made, images[::-1]).tobytes()


def test_sizes(save: Save) -> None:
    fixed, open_ = save(network(), "fixed.onnx"), save(network(size="side"), "open.onnx")
    assert descriptor(open_).size == 224
    assert descriptor(open_, size=SIZE).pixels == SIZE
    explicit = {"layout": "nchw", "output": "y", "mean": "0.0", "std": "1.0"}
    same = describe(descriptor(open_, size=SIZE, **explicit), IMAGES)
    assert np.array_equal(same, describe(descriptor(fixed, **explicit), IMAGES))
    with pytest.raises(BadSpec, match=r"size=12 only; leave size out"):
        descriptor(fixed, size=224)
    with pytest.raises(BadSpec, match=r"size=12 only; leave size out"):
        describe(descriptor(fixed, size=224, **explicit), IMAGES)
    for size in (0, -5, 100_000):
        with pytest.raises(BadSpec, match="give the side in pixels"):
            descriptor(open_, size=size)
    with pytest.raises(BadSpec, match=r"can't be run with size=3: .*"):
        describe(descriptor(open_, size=3), IMAGES)


def test_layout_can_be_said(save: Save) -> None:
    """When the file leaves all sides open."""
    made = network("vector", "nhwc", size=None)
    made.graph.input[0].CopyFrom(info("x", F32, [None] * 4))
    path = save(made)
    assert descriptor(path).layout == "nchw"
    vectors = describe(descriptor(path, layout="nhwc", size=SIZE, mean="0", std="1"), IMAGES)
    assert vectors == pytest.approx(expected(IMAGES, "vector", 0, 1), rel=1e-4, abs=1e-4)


def test_inputs_without_a_shape(save: Save) -> None:
    made = network()
    made.graph.input[0].type.tensor_type.ClearField("shape")
    found = descriptor(save(made), size=SIZE)
    assert (found.layout, found.size) == ("nchw", SIZE)
    assert describe(found, IMAGES).shape == (3, DIM)


def outputs(*values: Any) -> Any:
    """A network whose outputs have these names and shapes."""
    nodes = [node("Identity", "x", value.name) for value in values]
    return model(nodes, [info("x", F32, [1, 3, SIZE, SIZE])], list(values))


@pytest.mark.parametrize(
    ("chosen", "values"),
    [
        ("a", [info("a", F32, [1, 8]), info("b", F32, [1, 8])]),
        ("b", [info("a", F32, [1, 8, 4]), info("b", F32, [1, 8])]),
        ("b", [info("a", F32, [1, 8, 4, 4]), info("b", F32, [1, 8, 4])]),
        ("a", [info("a", F32, [1, 8, 4, 4]), info("b", F32, [1])]),
        ("pooler_output", [info("a", F32, [1, 8]), info("pooler_output", F32, [1, 8])]),
        ("image_embeds", [info("pooler_output"), info("image_embeds", F32, None)]),
        ("b", [info("a", F32, [1]), info("b", F32, None)]),
    ],
)
def test_which_output(chosen: str, values: list[Any], save: Save) -> None:
    path = save(outputs(*values))
    assert descriptor(path).output == chosen
    assert descriptor(path, output=values[0].name).output == values[0].name


def test_outputs_that_will_not_do(save: Save) -> None:
    path = save(outputs(info("first", F32, [1, 8]), info("second", F32, [1, 8])))
    with pytest.raises(BadSpec, match=r"no output 'secnd'; did you mean second\?"):
        descriptor(path, output="secnd")
    with pytest.raises(BadSpec, match=r"makes no vectors: its outputs are y \(7\)"):
        descriptor(save(outputs(info("y", F32, [7]))))
    counts = [node("ArgMax", "x", "y", axis=1), node("Shape", "x", "shape")]
    given = [info("x", F32, [1, 3, SIZE, SIZE])]
    path = save(model(counts, given, [info("y", I64, None), info("shape", I64, [4])]))
    for output, hint in (("y", "shape"), ("shape", "y")):
        with pytest.raises(BadSpec, match=f"not vectors; give output= one of {hint}$"):
            describe(descriptor(path, output=output), IMAGES)


def two_towers(**changes: Any) -> Any:
    """As CLIP is exported: pictures and words, their vectors, and how well they match."""
    nodes = [
        *network().graph.node[:-1],
        node("Flatten", "g", "image_embeds"),
        node("Gather", "words input_ids", "token"),
        node("ReduceMean", "token", "text_embeds", axes=[1], keepdims=0),
        node("Transpose", "text_embeds", "turned", perm=[1, 0]),
        node("MatMul", "image_embeds turned", "logits_per_image"),
    ]
    inputs = [info("input_ids", I64, ["t", "length"]), info("x", F32, ["n", 3, SIZE, SIZE])]
    values = [info("logits_per_image", F32, ["n", "t"]), info("image_embeds", F32, ["n", DIM])]
    weights = {"w": KERNEL, "words": np.ones((10, DIM), np.float32)}
    return model(nodes, inputs, values, weights, opset=13)


def test_the_picture_half_of_two(save: Save) -> None:
    path = save(two_towers())
    made = descriptor(path, mean="0", std="1")
    assert made.output == "image_embeds"
    vectors = describe(made, IMAGES)
    assert vectors == pytest.approx(expected(IMAGES, "vector", 0, 1), rel=1e-4, abs=1e-4)
    with pytest.raises(BadSpec, match=r"of input_ids, too; export its image encoder alone, or"):
        describe(descriptor(path, output="logits_per_image"), IMAGES)


def test_what_graphs_inside_read_stays(save: Save) -> None:
    """A branch of an If reads a value from outside that nothing else does."""
    inner = helper.make_graph([node("Mul", "outside two", "r")], "b", [], [info("r", F32, None)])
    nodes = [
        node("GlobalAveragePool", "x", "g"),
        node("Flatten", "g", "outside"),
        helper.make_node("If", ["yes"], ["y"], then_branch=inner, else_branch=inner),
        node("Identity", "other", "unused"),
    ]
    inputs = [info("x", F32, ["n", 3, SIZE, SIZE]), info("other", I64, ["n"])]
    values = [info("y", F32, ["n", 3]), info("unused", I64, ["n"])]
    weights = {"yes": np.array(True), "two": np.array(2, np.float32)}
    made = descriptor(save(model(nodes, inputs, values, weights)), mean="0", std="1")
    colours = squashed(IMAGES[0], SIZE).mean(axis=(0, 1)) / 255
    assert describe(made, IMAGES[:1])[0] == pytest.approx(2 * colours, rel=1e-4)


def test_weights_listed_as_inputs(save: Save) -> None:
    """As files of some years ago have them."""
    made = network()
    made.graph.input.append(info("w", F32, list(KERNEL.shape)))
    assert describe(descriptor(save(made)), IMAGES).shape == (3, DIM)


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ([1, 1, 28, 28], "takes 1 channels"),
        (["n", 4, "h", "w"], "takes 4 channels"),
        (["n", 3, 128, 64], "takes pictures of 128 × 64; only squares"),
        (["n", 77], r"takes no picture, and must take one: x \(\? × 77\)"),
        ([], "takes no picture"),
    ],
)
def test_inputs_that_are_no_pictures(shape: list[Side], reason: str, save: Save) -> None:
    made = network()
    made.graph.input[0].CopyFrom(info("x", F32, shape))
    with pytest.raises(BadSpec, match=reason):
        descriptor(save(made))


def test_more_inputs_that_will_not_do(save: Save) -> None:
    two = network()
    two.graph.input.append(info("mask", F32, [1, 1, 8, 8]))
    with pytest.raises(BadSpec, match="takes 2 pictures"):
        descriptor(save(two))
    none = network()
    del none.graph.input[:]
    with pytest.raises(BadSpec, match=r"takes no picture.*it takes nothing"):
        descriptor(save(none))
    whole = network(kind=I64)
    with pytest.raises(BadSpec, match="takes no picture"):
        descriptor(save(whole))


def test_models_in_two_files(save: Save, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Even when the other file is there: its content would not be part of the digest."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "two.onnx"
    onnx.save(network(), path, save_as_external_data=True, location="w.bin", size_threshold=0)
    assert (tmp_path / "w.bin").exists()
    whole = onnx.load(path, load_external_data=False)
    assert whole.graph.initializer[0].data_location == TensorProto.EXTERNAL
    with pytest.raises(BadSpec, match="keeps its weights in another file"):
        describe(descriptor(path), IMAGES)
    onnx.save(onnx.load(path), tmp_path / "one.onnx")  # as the message says
    assert describe(descriptor(tmp_path / "one.onnx"), IMAGES).shape == (3, DIM)


def elsewhere() -> Any:
    """A tensor whose numbers are in another file."""
    tensor = helper.make_tensor("t", F32, [1], [0.0])
    tensor.ClearField("float_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "/etc/passwd"
    return tensor


def hidden(kind: str) -> Any:
    made = network()
    if kind == "constant":
        made.graph.node.append(node("Constant", "", "k", value=elsewhere()))
    elif kind == "branch":
        inner = helper.make_graph([], "b", [], [], [elsewhere()])
        made.graph.node.append(node("If", "q", "k", then_branch=inner))
    elif kind == "graphs":
        made.graph.node.append(node("Odd", "q", "k", many=[helper.make_graph([], "b", [], [])]))
        made.graph.node[-1].attribute[0].graphs[0].initializer.append(elsewhere())
    elif kind == "sparse":
        sparse = helper.make_sparse_tensor(elsewhere(), helper.make_tensor("i", I64, [1], [0]), [1])
        made.graph.sparse_initializer.append(sparse)
    else:
        body = [node("Constant", "", "k", value=elsewhere())]
        opsets = [helper.make_opsetid("", 17)]
        made.functions.append(helper.make_function("own", "F", [], ["k"], body, opsets))
    return made


@pytest.mark.parametrize("kind", ["constant", "branch", "graphs", "sparse", "function"])
def test_other_files_named_anywhere(kind: str, save: Save) -> None:
    assert not header.names_other_files(io.BytesIO(network().SerializeToString()))
    with pytest.raises(BadSpec, match="keeps its weights in another file"):
        describe(descriptor(save(hidden(kind))), IMAGES)


def test_deep_nesting_is_damage() -> None:
    data = b""
    for _ in range(200):  # a graph in an attribute of a node of a graph …
        for number in (6, 5, 1):
            data = bytes([number << 3 | 2]) + length(len(data)) + data
    data = bytes([7 << 3 | 2]) + length(len(data)) + data
    with pytest.raises(header.Damaged):
        header.names_other_files(io.BytesIO(data))


def length(value: int) -> bytes:
    """A number as protobuf writes it."""
    more = [value >> shift & 127 | 128 for shift in range(0, value.bit_length() or 1, 7)]
    return bytes([*more[:-1], more[-1] & 127])


def test_field_numbers_are_onnx_s() -> None:
    """Wherever onnx's own description leads to a tensor, ours does."""
    messages = {
        "model": onnx.ModelProto,
        "graph": onnx.GraphProto,
        "node": onnx.NodeProto,
        "attribute": onnx.AttributeProto,
        "sparse": onnx.SparseTensorProto,
        "function": onnx.FunctionProto,
        "training": onnx.TrainingInfoProto,
        "tensor": onnx.TensorProto,
    }
    names = {cls.DESCRIPTOR.name: name for name, cls in messages.items()}
    for name, cls in messages.items():
        leading = {
            field.number: names[field.message_type.name]
            for field in cls.DESCRIPTOR.fields
            if field.message_type and field.message_type.name in names
        }
        assert header.INSIDE[name] == leading
    numbers_of = onnx.TensorProto.DESCRIPTOR.fields_by_name
    assert numbers_of["external_data"].number == header.EXTERNAL_DATA


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"\x89HDF\r\n\x1a\n" * 9, b"\x00" * 99, b"\xff" * 99, b"\x3a\x00"]
)
def test_not_models(data: bytes, save: Save) -> None:
    with pytest.raises(BadSpec, match="is not an ONNX model, or is damaged"):
        descriptor(save(data))


def test_models_cut_short(save: Save) -> None:
    data = network().SerializeToString()
    for cut in range(0, len(data), 19):
        with pytest.raises(BadSpec) as caught:
            describe(descriptor(save(data[:cut])), IMAGES)
        assert "\n" not in str(caught.value)


@given(place=st.integers(0, 10**6), byte=st.integers(0, 255), other=st.integers(0, 10**6))
def test_damaged_headers(place: int, byte: int, other: int) -> None:
    data = bytearray(two_towers().SerializeToString())
    data[place % len(data)] = byte
    data[other % len(data)] ^= byte
    for read in (header.read, header.names_other_files):
        with suppress(header.Damaged):
            read(io.BytesIO(data))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"opset": 99}, "onnxruntime can't run"),
        ({"kind": "NoSuchOperator"}, "onnxruntime can't run .*NoSuchOperator"),
        ({"kind": "Mine", "domain": "my.own"}, "onnxruntime can't run"),
    ],
)
def test_what_onnxruntime_does_not_know(changes: dict, reason: str, save: Save) -> None:
    last = node(changes.get("kind", "Identity"), "x", "y", domain=changes.get("domain", ""))
    domains = [changes["domain"]] if "domain" in changes else []
    given = [info("x", F32, [1, 3, SIZE, SIZE])]
    opset = changes.get("opset", 17)
    path = save(model([last], given, [info("y", F32, [1, 8])], opset=opset, domains=domains))
    with pytest.raises(BadSpec, match=reason) as caught:
        describe(descriptor(path), IMAGES)
    assert "\n" not in str(caught.value)


def test_out_of_memory_is_one_picture_s(save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    made = descriptor(save(network()))

    class Full:
        def run(self, *_: Any) -> None:
            raise RuntimeError("Failed to allocate memory for requested buffer")

    monkeypatch.setattr(made._network.sessions, "_session", lambda threads: Full())
    with pytest.raises(BadPicture, match="not enough memory"):
        describe(made, IMAGES)


def test_memory_that_runs_out_once(save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    made = descriptor(save(network()))
    before = describe(made, IMAGES * 3)
    session = made._network.sessions._session(1)
    calls: list[int] = []

    class Tight:
        def run(self, *arguments: Any) -> Any:
            calls.append(1)
            if len(calls) == 2:
                raise RuntimeError("std::bad_alloc")
            return session.run(*arguments)

    monkeypatch.setattr(made._network.sessions, "_session", lambda threads: Tight())
    assert np.array_equal(describe(made, IMAGES * 3), before)
    assert len(calls) > 9


# Specs


def test_the_spec_says_everything(save: Save) -> None:
    path = save(network())
    recipe = parse_one(f"onnx:model={path}")
    digest = UserFile.of(path).digest
    assert recipe.spec == (
        f"onnx:model={digest},size=12,mean=0.485/0.456/0.406,std=0.229/0.224/0.225,"
        "layout=nchw,output=y,version=1"
    )
    again = parse_one(recipe.spec)
    assert again.spec == recipe.spec
    assert np.array_equal(describe(again.descriptor, IMAGES), describe(recipe.descriptor, IMAGES))
    assert recipe.slug.startswith("onnx-model-")
    assert recipe.distance == "cosine"


def unique(tmp_path: Path) -> Any:
    """A network that no other test has left somewhere."""
    made = network()
    made.doc_string = str(tmp_path)
    return made


def test_a_spec_is_read_without_the_file(
    save: Save, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = save(unique(tmp_path))
    spec = parse_one(f"onnx:model={path}").spec
    vectors = describe(parse_one(spec).descriptor, IMAGES)
    moved = path.rename(tmp_path / "moved.onnx")
    monkeypatch.setattr(user_files, "_here", {})
    unknown = parse_one(spec)
    assert (unknown.spec, unknown.pixels) == (spec, SIZE)
    with pytest.raises(BadSpec, match="name it, for example"):
        describe(unknown.descriptor, IMAGES)
    assert parse_one(f"onnx:model={moved}").spec == spec
    assert np.array_equal(describe(parse_one(spec).descriptor, IMAGES), vectors)


def test_model_is_needed() -> None:
    with pytest.raises(BadSpec, match="onnx needs model=: write onnx:model=FILE"):
        parse_one("onnx")


def test_a_spec_needs_no_framework(save: Save) -> None:
    code = (
        "import sys; from cbir import places; from cbir.recipe import parse_one\n"
        "places.configure(home=sys.argv[2]); parse_one('onnx:model=' + sys.argv[1]).slug\n"
        "print(sorted({'onnx', 'onnxruntime', 'tensorflow', 'keras'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code, str(save(network())), str(places.cache().parent)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_equal_ones_share_the_network(save: Save) -> None:
    path = save(network())
    first, second = descriptor(path), descriptor(path)
    assert first == second
    assert first._network is second._network
    assert first._network is not descriptor(path, mean="0.5")._network


# Means and deviations


def test_numbers_as_people_write_them() -> None:
    assert numbers("mean", "0.5") == (0.5, 0.5, 0.5)
    assert numbers("mean", "0.1/0.2/0.3") == numbers("mean", "0.1, 0.2, 0.3") == (0.1, 0.2, 0.3)
    assert canonical("mean", "-0/0/.5") == "0.0/0.0/0.5"
    for text in ("", "x", "0.5/0.5", "1/2/3/4", "nan", "inf", "1e99", "0.5//0.5", "auto"):
        with pytest.raises(BadSpec, match="write one number, or three"):
            numbers("mean", text)
    for text in ("0", "-1", "1e-9", "0.5/0/0.5"):
        with pytest.raises(BadSpec, match="std="):
            numbers("std", text)


@given(st.lists(st.floats(1e-4, 1e4), min_size=3, max_size=3), st.sampled_from("/,"))
def test_numbers_survive(values: list[float], between: str) -> None:
    text = between.join(map(repr, values))
    assert numbers("std", text) == tuple(values) == numbers("std", canonical("std", text))
    assert canonical("std", canonical("std", text)) == canonical("std", text)


@given(st.text())
def test_any_text_is_numbers_or_refused(text: str) -> None:
    with suppress(BadSpec):
        assert len(numbers("std", text)) == 3


CLIP = {
    "crop_size": {"height": 224, "width": 224},
    "do_center_crop": True,
    "do_normalize": True,
    "do_rescale": True,
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
    "rescale_factor": 0.00392156862745098,
    "size": {"shortest_edge": 256},
}
CLIP_NUMBERS = ("0.48145466/0.4578275/0.40821073", "0.26862954/0.26130258/0.27577711", 224)


@pytest.mark.parametrize(
    ("config", "found"),
    [
        (CLIP, CLIP_NUMBERS),
        ({"image_processor": CLIP, "processor_class": "CLIPProcessor"}, CLIP_NUMBERS),
        (CLIP | {"do_center_crop": False}, (*CLIP_NUMBERS[:2], 256)),
        (CLIP | {"crop_size": 336}, (*CLIP_NUMBERS[:2], 336)),
        (
            {"image_mean": 0.5, "image_std": 0.5, "size": {"height": 384, "width": 384}},
            ("0.5/0.5/0.5", "0.5/0.5/0.5", 384),
        ),
        ({"do_normalize": False, "size": 64}, ("0.0/0.0/0.0", "1.0/1.0/1.0", 64)),
        ({"image_mean": [0, 0, 0], "image_std": [1, 1, 1]}, ("0.0/0.0/0.0", "1.0/1.0/1.0", 224)),
        ({"size": {"height": 64, "width": 32}}, (IMAGENET.mean, IMAGENET.std, 224)),
        (
            {"rescale_factor": 2 / 255, "image_mean": [1, 1, 1], "image_std": [1, 1, 1]},
            ("0.5/0.5/0.5", "0.5/0.5/0.5", 224),
        ),
    ],
)
@pytest.mark.parametrize(
    "name", ["preprocessor_config.json", "../preprocessor_config.json", "processor_config.json"]
)
def test_files_beside_the_model(config: dict, found: tuple, name: str, save: Save) -> None:
    path = save(network(size="side"), "onnx/model.onnx")
    (path.parent / name).write_text(json.dumps(config))
    made = descriptor(path)
    assert (made.mean, made.std, made.size) == found
    assert descriptor(path, mean="0.5").std == found[1]


def test_raw_pixels_beside_the_model(save: Save) -> None:
    path = save(network())
    config = {"do_rescale": False, "do_normalize": False}
    (path.parent / "preprocessor_config.json").write_text(json.dumps(config))
    made = descriptor(path)
    assert [float(part) for part in made.std.split("/")] == pytest.approx([1 / 255] * 3)
    assert describe(made, IMAGES) == pytest.approx(expected(IMAGES, "vector"), rel=1e-4, abs=0.1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "7",
        '{"image_processor": 7}',
        '{"image_mean": "much"}',
        '{"image_mean": [1, 2]}',
        '{"image_std": [0, 0, 0]}',
        '{"image_mean": [NaN, 0, 0]}',
        '{"image_mean": {"r": 1}}',
        '{"rescale_factor": 0}',
        '{"rescale_factor": "x"}',
        '{"size": {"height": []}}',
        '{"image_mean": [' + "9" * 5000 + "]}",
        "[" * 100_000,
    ],
)
def test_damaged_files_beside_the_model(text: str, save: Save) -> None:
    path = save(network(size="side"))
    (path.parent / "preprocessor_config.json").write_text(text)
    with pytest.raises(BadSpec, match="does not say how pictures are prepared") as caught:
        descriptor(path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500
    said = descriptor(path, mean="0.5", std="0.5", size=SIZE)
    assert describe(said, IMAGES).shape == (3, DIM)


def test_a_spec_does_not_look_beside_the_model(save: Save) -> None:
    path = save(network(size="side"))
    spec = parse_one(f"onnx:model={path}").spec
    (path.parent / "preprocessor_config.json").write_text(json.dumps(CLIP | {"crop_size": 64}))
    assert parse_one(spec).spec == spec
    assert parse_one(f"onnx:model={path}").descriptor.size == 64  # type: ignore[attr-defined]


# The whole way, and real weights


def test_index_and_search(save: Save, photos: Path, run: Run, tmp_path: Path) -> None:
    path = save(unique(tmp_path))
    index = tmp_path / "index.csv"
    query = tmp_path / "query.png"  # of which no vector is stored yet
    query.write_bytes(encoded(picture(2), ".png"))
    done = run("index", "--dataset", photos, "-d", f"onnx:model={path}", "--index", index)
    assert done.returncode == 0
    search = ["search", "--query", query, "--index", index, "--json", "--no-montage"]
    hits = json.loads(run(*search).stdout)["hits"]
    assert hits[0]["id"] == "c.jpg"
    moved = path.rename(tmp_path / "moved.onnx")
    lost = run(*search)
    assert lost.returncode == 2
    assert "name it, for example: search.py -d 'onnx:model=FILE'" in lost.stderr
    found = run(*search, "-d", f"onnx:model={moved}")
    assert json.loads(found.stdout)["hits"] == hits
    assert json.loads(run(*search).stdout)["hits"] == hits  # known from now on


@pytest.mark.shared
def test_mobilenet_with_real_weights(shared: Path, save: Save) -> None:
    """Exported without its preprocessing, which mean=0.5,std=0.5 says."""
    if not places.keras().joinpath("models").is_dir():
        pytest.skip("no weights")
    from cbir.networks.applications import build
    from cbir.networks.network import Network
    from cbir.networks.quiet import with_keras
    from cbir.networks.to_onnx import to_onnx

    built = build(Network("MobileNet", "last", "avg", 224, "imagenet"))
    data = with_keras(lambda keras: to_onnx(built.model, lambda rgb: rgb, "avg", {}))
    exported = onnx.ModelProto.FromString(data)
    exported.graph.input[0].type.tensor_type.elem_type = F32
    made = descriptor(save(exported), mean="0.5", std="0.5")
    assert (made.layout, made.size) == ("nhwc", 224)
    files = sorted((shared / "clothing/queries").rglob("*.jpg"))[:6]
    images = [cv2.imread(str(file))[:, :, ::-1].copy() for file in files]
    ours, theirs = describe(made, images), describe_mobilenet(images)
    lengths = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
    assert ((ours * theirs).sum(axis=1) / lengths > 1 - 1e-6).all()
    assert np.abs(ours - theirs).max() < 1e-4 * math.sqrt(np.square(theirs).mean())


def describe_mobilenet(images: list[NDArray]) -> NDArray[np.float32]:
    mobilenet = MobileNet()
    return mobilenet.describe([mobilenet.prepare(image) for image in images])
