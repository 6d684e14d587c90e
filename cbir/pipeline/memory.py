"""A budget of bytes that several threads share."""

import threading


class Memory:
    """Bytes in work. The oldest task always gets what it asks for: everyone waits for it."""

    def __init__(self, limit: int):
        self.limit = limit
        self.used = 0
        self.oldest = 0
        self.changed = threading.Condition()

    def acquire(self, task: int, amount: int) -> None:
        if not amount:
            return
        with self.changed:
            self.changed.wait_for(lambda: task == self.oldest or self.used + amount <= self.limit)
            self.used += amount

    def release(self, amount: int) -> None:
        if amount:
            with self.changed:
                self.used -= amount
                self.changed.notify_all()

    def now_oldest(self, task: int) -> None:
        with self.changed:
            self.oldest = task
            self.changed.notify_all()

    def open_up(self) -> None:
        """Lets every waiting thread go on, to its end."""
        with self.changed:
            self.limit = 1 << 62
            self.changed.notify_all()
