"""`cbir NAME`, `python -m cbir NAME`: imports a command when it is chosen, not before."""

import os
import sys
from collections.abc import Sequence
from importlib import import_module

COMMANDS = {
    "index": "describe all pictures of a data set and write an index",
    "search": "find the pictures of an index most like a query",
    "descriptors": "list the descriptors and their settings",
    "check": "verify an index",
}
USAGE = "usage: cbir COMMAND ...\n\ncommands:\n" + "\n".join(
    f"  {name:<12} {about}" for name, about in COMMANDS.items()
)
INTERRUPTED = 130  # as shells say it: 128 + SIGINT


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns 0 done, 1 done in part, 2 nothing done, 130 interrupted."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if not arguments or arguments[0] in ("-h", "--help"):
        print(f"{USAGE}\n\n'cbir COMMAND --help' tells more")
        return 0 if arguments else 2
    name = arguments[0]
    if name == "--version":
        from cbir import __version__

        print(f"cbir {__version__}")
        return 0
    try:
        return _run(name, arguments[1:])
    except KeyboardInterrupt:
        return _say(name, "stopped; what was there before is unchanged", INTERRUPTED)
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
        what = f"{type(error).__name__}: {error}"
        return _say(name, f"unexpected error, {what} (CBIR_DEBUG=1 shows where)", 2)


def _run(name: str, arguments: Sequence[str]) -> int:
    from cbir.errors import did_you_mean

    if name not in COMMANDS:
        return _say(name, f"there is no such command{did_you_mean(name, list(COMMANDS))}", 2)
    command = import_module(f"cbir.commands.{name}")
    from cbir.commands.options import Parser
    from cbir.commands.terminal import Terminal

    parser = Parser(prog=f"cbir {name}", description=command.__doc__, epilog=command.EXAMPLES)
    command.add_arguments(parser)
    args = parser.parse_args(arguments)
    return command.run(args, Terminal(name, args.json, args.quiet))


def _say(name: str, text: str, status: int) -> int:
    from cbir.commands.terminal import printable

    print(f"cbir {printable(name)}: {printable(text)}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
