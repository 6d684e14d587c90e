"""`cbir NAME`, `python -m cbir NAME`: imports a command when it is chosen, not before."""

import os
import sys
from collections.abc import Sequence
from errno import EBADF, EIO, ENOSPC
from importlib import import_module

COMMANDS = {
    "index": "describe all pictures of a data set and write an index",
    "search": "find the pictures of an index most like a query",
    "descriptors": "list the descriptors and their settings",
    "compare": "find out which descriptor to trust on your pictures",
    "fit": "find for every item of a catalogue the others most like it",
    "similar": "show the items most like one of them",
    "visual-search": "find the items of a catalogue that look most like a photo",
    "match": "find the pictures of one table in another",
    "duplicates": "find pictures that are there several times",
    "extract-images": "fetch the pictures of a catalogue that a manifest lists",
    "list-images": "write a table of a folder's pictures",
    "check": "verify an index",
    "store": "show what the feature store holds, and clean it",
}
USAGE = "usage: cbir COMMAND ...\n\ncommands:\n" + "\n".join(
    f"  {name:<14} {about}" for name, about in COMMANDS.items()
)
MORE = "'cbir COMMAND --help' tells more; 'cbir --version', which cbir this is"
FLAGS = ("-h", "--help", "--version")
INTERRUPTED = 130  # as shells say it: 128 + SIGINT


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns 0 done, 1 done in part, 2 nothing done, 130 interrupted."""
    arguments = _meant(list(sys.argv[1:] if arguments is None else arguments))
    name = arguments[0] if arguments and arguments[0] not in FLAGS else ""
    _open_closed_streams()
    try:
        about = not arguments or arguments[0] in FLAGS
        return _about(arguments) if about else _run(name, arguments[1:])
    except KeyboardInterrupt as stop:  # a command may say what it leaves
        index = "; each index is whole, as it was or new" if name == "index" else ""
        told = str(stop) or f"stopped{index}"
        return _say(name, told, INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has enough. Python would complain at exit about the rest.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        from cbir.errors import CbirError

        if isinstance(error, CbirError):
            return _say(name, str(error), 2)
        if os.environ.get("CBIR_DEBUG"):
            raise
        if isinstance(error, OSError) and error.errno in (ENOSPC, EIO, EBADF):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return _say(name, f"can't write the results: {error.strerror}", 2)
        what = f"{type(error).__name__}: {error}"
        return _say(name, f"unexpected error, {what} (CBIR_DEBUG=1 shows where)", 2)


def _meant(arguments: list[str]) -> list[str]:
    """`help`, and `help NAME`, as people type it."""
    if arguments[:1] != ["help"]:
        return arguments
    return [*arguments[1:2], "--help"]


def _about(arguments: Sequence[str]) -> int:
    """What `cbir` says without a command."""
    if arguments and arguments[0] == "--version":
        from cbir import __version__

        print(f"cbir {__version__}", flush=True)
        return 0
    print(f"{USAGE}\n\n{MORE}", flush=True)
    return 0 if arguments else 2


def _open_closed_streams() -> None:
    """A stream that the shell closed (`>&-`) takes what is written to it, and forgets it.

    Their numbers first: an index opened as number 2 would be taken for standard error.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            nowhere = os.open(os.devnull, os.O_RDWR)  # the lowest free number, which this one is
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
    for stream in ("stdout", "stderr"):
        if getattr(sys, stream) is None:
            setattr(sys, stream, open(os.devnull, "w"))  # noqa: SIM115 - open to the end


def _run(name: str, arguments: Sequence[str]) -> int:
    from cbir.errors import did_you_mean

    if name not in COMMANDS:
        return _say(name, f"there is no such command{did_you_mean(name, list(COMMANDS))}", 2)
    from cbir import places

    places.configure(os.environ.get("CBIR_HOME"), os.environ.get("KERAS_HOME"))
    command = import_module(f"cbir.commands.{name.replace('-', '_')}")
    from cbir.commands.options import Parser
    from cbir.commands.terminal import Terminal

    parser = Parser(prog=f"cbir {name}", description=command.__doc__, epilog=command.EXAMPLES)
    command.add_arguments(parser)
    args = parser.parse_args(arguments)
    args.command, args.typed = name, list(arguments)
    terminal = Terminal(name, args.json, args.quiet)
    with terminal.listening():
        return command.run(args, terminal)


def _say(name: str, text: str, status: int) -> int:
    from cbir.commands.terminal import printable

    who = f"cbir {printable(name)}".rstrip()
    print(f"{who}: {printable(text)}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
