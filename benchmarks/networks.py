"""Networks: files to vectors against the network alone, and against the usual loop in Keras."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.measure import SHARED, Row, in_turns
from cbir.networks import Network, quiet
from cbir.networks.exporting import Exported
from cbir.pipeline import Described, Settings, describe, describe_one
from cbir.recipe import AnyRecipe, parse
from cbir.sources import open_dataset
from cbir.user_files import UserFile
from tests.keras_models import saved

GALLERY = SHARED / "data/clothing/gallery"
WEIGHTS = SHARED / "keras/models/mobilenet_1_0_224_tf_no_top.h5"
COMPILED = "the compiled network alone on ready tensors, batch 32"
BATCH = 32


def speeds(folder: Path) -> Iterator[Row]:
    """All that is promised of them, on real photos."""
    if not GALLERY.is_dir() or not WEIGHTS.is_file():
        print(f"  skipped: {GALLERY} or {WEIGHTS} is not there")
        return
    yield from mobilenet()
    yield from large(folder, "vgg19", "VGG19", 224)
    yield from large(folder, "inception-resnet-v2", "InceptionResNetV2", 299)


def mobilenet(part: int = 64) -> Iterator[Row]:
    files = [str(file) for file in sorted(GALLERY.rglob("*.jpg"))]
    chosen = parse("mobilenet")
    compiled = alone(Network("MobileNet", "last", "avg", 224, "imagenet"), len(files))
    theirs, ours = in_turns(5, compiled, indexing(chosen, len(files)))
    what = f"indexing clothing ({len(files)} JPEGs) with mobilenet, files to vectors"
    yield Row(what, COMPILED, theirs / ours, 0.85)
    one_by_one, predict = quiet.with_keras(usual_loop)
    loop, ours = in_turns(3, lambda: one_by_one(files[:part]), indexing(chosen, len(files)))
    loop *= len(files) / part
    yield Row(what, f"load_img and predict one by one, from {part} JPEGs", loop / ours, 4)
    query = Path(files[0]).read_bytes()
    theirs, ours = in_turns(9, predict, lambda: describe_one(query, chosen))
    what = "a query's embedding in a warm process, mobilenet, from the file's bytes"
    yield Row(what, "predict on one ready picture", theirs / ours, 3)


def large(folder: Path, name: str, model: str, size: int, count: int = 64) -> Iterator[Row]:
    weights = saved(folder, model)
    chosen = parse(f"{name}:weights={weights}")
    compiled = alone(Network(model, "last", "avg", size, UserFile.of(weights)), count)
    theirs, ours = in_turns(3, compiled, indexing(chosen, count))
    what = f"indexing {count} JPEGs of clothing with {name}, seeded weights"
    yield Row(what, COMPILED, theirs / ours, 0.9)


def indexing(chosen: AnyRecipe, count: int) -> Callable[[], None]:
    """Files to vectors, as `index.py` makes them, and nothing kept."""
    source = open_dataset(str(GALLERY))
    pictures = list(source.pictures())[:count]

    def run() -> None:
        made = describe(source, pictures, [chosen], Settings())
        if sum(len(some.ids) for some in made if isinstance(some, Described)) != count:
            raise RuntimeError("indexing failed")

    return run


def alone(network: Network, count: int) -> Callable[[], None]:
    """onnxruntime as it is by itself, and nothing else, on pixels that lie in memory."""
    import onnxruntime

    file = Exported(network).path
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    shape = (BATCH, network.size, network.size, 3)
    batch = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)

    def run() -> None:
        for start in range(0, count, BATCH):
            session.run(None, {"pixels": batch[: count - start]})

    return run


def usual_loop(keras: ModuleType) -> tuple[Callable[[Sequence[str]], None], Callable[[], Any]]:
    """What tutorials do with files, and its last step alone on one picture."""
    model = keras.applications.MobileNet(
        weights=str(WEIGHTS), include_top=False, pooling="avg", input_shape=(224, 224, 3)
    )
    preprocess = keras.applications.mobilenet.preprocess_input

    def one_by_one(files: Sequence[str]) -> None:
        for file in files:
            image = keras.utils.load_img(file, target_size=(224, 224))
            array = keras.utils.img_to_array(image)
            model.predict(preprocess(array[None]), verbose=0)

    ready = np.zeros((1, 224, 224, 3), np.float32)
    return one_by_one, lambda: model.predict(ready, verbose=0)
