"""Every descriptor there is: the files of this folder, and other packages' plug-ins.

A file here holds one family and registers it with `@register("name")`. Another package offers
its own through the entry-point group `cbir.descriptors`, as `name = "package.module:Class"`.
Neither is listed anywhere by hand. Files here must import fast: what is heavy waits in a method.
"""

import pkgutil
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from cbir import registry
from cbir.errors import BadSpec, did_you_mean

GROUP = "cbir.descriptors"


@cache
def _own() -> None:
    for module in pkgutil.iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")


@cache
def plugins() -> dict[str, EntryPoint]:
    """The plug-ins that are installed, by name, not yet loaded. Ours win over the same name."""
    _own()
    found = entry_points(group=GROUP)
    return {entry.name: entry for entry in found if not registry.knows(entry.name)}


def names() -> list[str]:
    _own()
    return sorted({*registry.names(), *plugins()})


def find(name: str) -> tuple[str, type[Any]]:
    """The proper name and class of a descriptor; looks at plug-ins only for names not ours."""
    _own()
    if not registry.knows(name):
        if name not in plugins():
            known = sorted({*names(), *(a for n in registry.names() for a in registry.aliases(n))})
            raise BadSpec(f"no descriptor is called {name!r}{did_you_mean(name, known)}")
        registry.register(name)(_load(plugins()[name]))
    return registry.find(name)


def _load(entry: EntryPoint) -> type[Any]:
    package = entry.dist.name if entry.dist else entry.value
    try:
        cls = entry.load()
    except (Exception, SystemExit) as error:  # a stranger's module may raise anything
        raise BadSpec(
            f"the plug-in {entry.name!r} of the package {package} can't be loaded: "
            f"{type(error).__name__}: {error}"
        ) from error
    missing = [
        part for part in ("describe", "distance", "version", "pixels") if not hasattr(cls, part)
    ]
    if not isinstance(cls, type) or not hasattr(cls, "__dataclass_fields__") or missing:
        raise BadSpec(
            f"the plug-in {entry.name!r} of the package {package} is not a descriptor: it must be "
            f"a frozen dataclass with {', '.join(missing) or 'settings as fields'}"
        )
    return cls
