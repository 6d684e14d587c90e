"""Pages of one frame that are no copies of each other: what duplicates must not call the same."""

from collections.abc import Callable, Iterator

import cv2
import numpy as np

from cbir.types import Image

WORDS = """the of and to in is that for it as was with be by on not he his but at are this have from
or had an they which one you were all her she there would their we him been has when who will more
if out so said what up its about than into them can only other time new some could"""
INK = (50, 50, 50)


def text(
    image: Image,
    random: np.random.Generator,
    left: int,
    top: int,
    width: int,
    lines: int,
    size: float,
) -> None:
    step = round(30 * size) + 4
    for row in range(1, lines + 1):
        line = ""
        while len(line) * 17 * size < width - 60 * size:
            line += random.choice(WORDS.split()) + " "
        if random.random() < 0.15:
            line = line[: len(line) // 2]
        cv2.putText(image, line, (left, top + step * row), 0, size, INK, 1, cv2.LINE_AA)


def sheet(height: int, width: int, level: int = 255) -> Image:
    return np.full((height, width, 3), level, np.uint8)


def screenshots(count: int) -> Iterator[Image]:
    """A program with a menu, and nine panes of text."""
    for seed in range(count):
        random, page = np.random.default_rng(seed), sheet(800, 1280, 245)
        page[:70], page[70:, :220] = (30, 60, 90), (230, 225, 225)
        for row in range(8):
            place = (20, 120 + 60 * row)
            cv2.putText(page, f"Menu item {row}", place, 0, 0.7, INK, 1, cv2.LINE_AA)
        for pane in range(9):
            left, top = 250 + 340 * (pane % 3), 100 + 230 * (pane // 3)
            cv2.rectangle(page, (left, top), (left + 310, top + 200), (255, 255, 255), -1)
            cv2.rectangle(page, (left, top), (left + 310, top + 200), (200, 200, 200), 1)
            text(page, random, left + 10, top + 5, 290, 9, 0.5)
        yield page


def slides(count: int) -> Iterator[Image]:
    """A title and some lines below it."""
    for seed in range(count):
        random, page = np.random.default_rng(seed), sheet(540, 960)
        page[:14] = page[-30:] = (20, 80, 160)
        text(page, random, 40, 30, 800, 1, 1.4)
        text(page, random, 60, 110, 820, int(random.integers(9, 13)), 0.8)
        yield page


def letters(count: int) -> Iterator[Image]:
    """Text on paper, scanned."""
    for seed in range(count):
        random, page = np.random.default_rng(seed), sheet(1100, 800, 252)
        text(page, random, 80, 80, 640, 42, 0.6)
        noisy = page + random.normal(0, 3, page.shape)
        yield np.clip(noisy, 0, 255).astype(np.uint8)


def forms(count: int) -> Iterator[Image]:
    """The same questions, and four words in each of their boxes."""
    for seed in range(count):
        random, page = np.random.default_rng(seed), sheet(1100, 800)
        for row in range(18):
            top = 75 + 50 * row
            question = " ".join(WORDS.split()[row::20][:2]) + ":"
            cv2.putText(page, question, (60, top + 25), 0, 0.7, (0, 0, 0), 1, cv2.LINE_AA)
            cv2.rectangle(page, (300, top), (740, top + 35), (150, 150, 150), 1)
            answer = " ".join(random.choice(WORDS.split(), 4))
            cv2.putText(page, answer, (310, top + 25), 0, 0.7, (0, 40, 120), 1, cv2.LINE_AA)
        yield page


def placeholders(count: int) -> Iterator[Image]:
    """A frame, and grey boxes where something is to come."""
    for seed in range(count):
        random, page = np.random.default_rng(seed), sheet(480, 640, 250)
        page[:50], page[:, :110] = (30, 60, 90), (215, 220, 225)
        for box in range(25):
            left, top = 125 + 100 * (box % 5), 65 + 80 * (box // 5)
            width, height = int(random.integers(20, 90)), int(random.integers(6, 30))
            grey = 3 * (int(random.integers(200, 245)),)
            cv2.rectangle(page, (left, top), (left + width, top + height), grey, -1)
        yield page


def captions(count: int) -> Iterator[Image]:
    """One picture, and a single line of small text below it."""
    coarse = np.random.default_rng(0).integers(0, 256, (5, 9, 3), dtype=np.uint8)
    picture = cv2.resize(coarse, (960, 400), interpolation=cv2.INTER_CUBIC)
    for seed in range(count):
        page = sheet(540, 960)
        page[:400] = picture
        text(page, np.random.default_rng(seed), 60, 420, 820, 1, 0.9)
        yield page


def invoices(count: int) -> Iterator[Image]:
    """A form with six large fields, all of them different, and much small print that is not."""
    for seed in range(count):
        random, page = np.random.default_rng(seed), sheet(1100, 850)
        cv2.putText(page, "INVOICE", (60, 76), 0, 1, (0, 0, 0), 2, cv2.LINE_AA)
        for row, field in enumerate(("Name", "Street", "City", "Date", "Number", "Total")):
            top = 175 + 70 * row
            value = f"{random.choice(WORDS.split())} {random.integers(10**6)}"
            cv2.putText(page, f"{field}:", (60, top), 0, 0.8, (0, 0, 0), 1, cv2.LINE_AA)
            cv2.putText(page, value, (230, top), 0, 0.9, (20, 20, 120), 2, cv2.LINE_AA)
            cv2.line(page, (220, top + 8), (790, top + 8), (120, 120, 120), 2)
        for row in range(8):
            place = (60, 660 + 45 * row)
            words = "Payment is due within thirty days net"
            cv2.putText(page, words, place, 0, 0.8, (60, 60, 60), 1, cv2.LINE_AA)
        yield page


def headings(count: int) -> Iterator[Image]:
    """A frame, and Chapter 1, Chapter 2, … in the middle."""
    for number in range(1, count + 1):
        page = sheet(720, 1280)
        page[:20] = page[-40:] = (20, 80, 160)
        cv2.putText(page, f"Chapter {number}", (120, 360), 0, 2.5, (30, 30, 30), 5, cv2.LINE_AA)
        yield page


def price_tags(count: int) -> Iterator[Image]:
    """One picture with another price on a label in it."""
    coarse = np.random.default_rng(1).integers(0, 256, (8, 6, 3), dtype=np.uint8)
    picture = cv2.resize(coarse, (1200, 1600), interpolation=cv2.INTER_CUBIC)
    for number in range(count):
        page, price = picture.copy(), f"{7919 * number % 90 + 10}.{37 * number % 90 + 10}"
        cv2.rectangle(page, (700, 1300), (1060, 1420), (255, 220, 0), -1)
        cv2.putText(page, price, (720, 1390), 0, 2.8, (0, 0, 0), 6, cv2.LINE_AA)
        yield page


def price_lists(count: int) -> Iterator[Image]:
    """Twenty lines, of which nothing but small numbers differ."""
    for seed in range(count):
        random, page = np.random.default_rng(seed), sheet(1600, 1130)
        for row in range(20):
            top, price = 160 + 70 * row, f"{random.integers(10, 99)}.{random.integers(10, 99)}"
            words = " ".join(WORDS.split()[row : row + 5])
            cv2.putText(page, words, (90, top), 0, 0.8, INK, 2, cv2.LINE_AA)
            cv2.putText(page, price, (900, top), 0, 0.8, INK, 2, cv2.LINE_AA)
        yield page


PAGES: dict[str, Callable[[int], Iterator[Image]]] = {
    "screenshots": screenshots,
    "slides": slides,
    "letters": letters,
    "forms": forms,
    "placeholders": placeholders,
    "invoices": invoices,
    "price lists": price_lists,
    "captions": captions,
    "headings": headings,
    "price tags": price_tags,
}
