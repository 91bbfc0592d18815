"""Ready answers are absent while their exercise is graded: each of their files is replaced by a stub that says so."""

import importlib.util
import sys
import tempfile
from collections.abc import Iterable, Iterator
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

STUB = '''
class _ReadyAnswer:
    """Stands for whatever the module defines, so that it can be imported; using it says why it is not there."""

    def __init__(self, name):
        self.__dict__["_name"] = name

    def _refuse(self, *_arguments, **_keywords):
        raise ImportError(
            f"{self._name} is not there while {_EXERCISE} is graded, because it does a task of that exercise: "
            "write the code in the notebook instead"
        )

    __call__ = __mro_entries__ = __setattr__ = __iter__ = __getitem__ = _refuse

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        self._refuse()


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return _ReadyAnswer(f"{__name__}.{name}")
'''


def stub_source(exercise: str) -> str:
    """The content of every file that stands for a ready answer."""
    return f"_EXERCISE = {exercise!r}\n\n{STUB}"


def files_of(ready_answers: Iterable[str]) -> Iterator[tuple[Path, bool]]:
    """What there is of the ready answers on this machine: files and folders, and whether it is a folder."""
    for name in ready_answers:
        spec = _find(name)
        if spec is None or spec.origin is None:
            continue
        path = Path(spec.origin)
        if spec.submodule_search_locations:
            yield path.parent, True
        else:
            yield path, False
            yield from ((compiled, False) for compiled in path.parent.glob(f"__pycache__/{path.stem}.*.pyc"))


def _find(name: str) -> ModuleSpec | None:
    """Where a module lies, found without importing it or the packages that it lies in."""
    top, *others = name.split(".")
    spec = importlib.util.find_spec(top)
    for part in others:
        if spec is None or spec.submodule_search_locations is None:
            return None
        spec = PathFinder.find_spec(f"{spec.name}.{part}", list(spec.submodule_search_locations))
    return spec


def write_stubs(folder: Path, exercise: str, ready_answers: Iterable[str]) -> dict[Path, Path]:
    """Write what is to be put over each file and folder of the ready answers; a folder has a stub for each module."""
    covers = {}
    module = folder / "stub.py"
    module.write_text(stub_source(exercise))
    (folder / "nothing").touch()
    for path, is_folder in files_of(ready_answers):
        if not is_folder:
            covers[path] = module if path.suffix == ".py" else folder / "nothing"
            continue
        cover = Path(tempfile.mkdtemp(dir=folder, prefix=f"{path.name}-"))
        cover.chmod(0o755)
        for source in path.rglob("*.py"):
            target = cover / source.relative_to(path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(stub_source(exercise))
        covers[path] = cover
    return covers


class StubFinder(MetaPathFinder):
    """Lets a process that can see the ready answers import stubs instead, so that none is ever in its memory."""

    def __init__(self, exercise: str, ready_answers: Iterable[str]) -> None:
        self.exercise, self.names = exercise, tuple(ready_answers)

    def find_spec(self, fullname: str, path: object, target: object = None) -> ModuleSpec | None:
        if not any(fullname == name or fullname.startswith(f"{name}.") for name in self.names):
            return None
        return importlib.util.spec_from_loader(fullname, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: object) -> None:
        exec(stub_source(self.exercise), module.__dict__)

    def install(self) -> None:
        sys.meta_path.insert(0, self)
