"""What an entry of the catalogue is, and the sources that its submissions are made of."""

import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from grading.tiny_course import Course

TASKS = {"ex04_aspp": ("effective_kernel_size", "aspp_forward")}
KERNEL_SIZE, ASPP = TASKS["ex04_aspp"]

EFFECTIVE_KERNEL_SIZE = """
def effective_kernel_size(kernel_size, dilation):
    {first}
    return kernel_size + (kernel_size - 1) * (dilation - 1)
"""
ASPP_INIT = """
class ASPP(nn.Module):
    def __init__(self, in_channels, atrous_rates, out_channels=256):
        super().__init__()
        self.convs = nn.ModuleList([conv_bn_relu(in_channels, out_channels)])
        for rate in atrous_rates:
            self.convs.append(conv_bn_relu(in_channels, out_channels, kernel_size=3, dilation=rate))
        self.image_pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), conv_bn_relu(in_channels, out_channels))
        self.project = conv_bn_relu((len(self.convs) + 1) * out_channels, out_channels)
"""
ASPP_FORWARD = f"""{ASPP_INIT}
    def forward(self, x):
        {{first}}
        pooled = F.interpolate(self.image_pool(x), size=x.shape[2:])
        return self.project(torch.cat([*[conv(x) for conv in self.convs], pooled], dim=1))
"""
WRONG_ASPP = f"""{ASPP_INIT}
    def forward(self, x):
        pooled = F.interpolate(self.image_pool(x), size=x.shape[2:])
        return self.project(torch.cat([pooled, *[conv(x) for conv in self.convs]], dim=1))
"""
RIGHT = {KERNEL_SIZE: EFFECTIVE_KERNEL_SIZE, ASPP: ASPP_FORWARD}

# What could hurt the machine of whoever runs these tests is done only in a process namespace other than the tests' own.
GUARD = """
import os
if os.readlink("/proc/self/ns/pid") == "<PID_NAMESPACE>":
    raise RuntimeError("this would run outside of any sandbox")
"""


# Checks call a function a hundred times: the first call attacks, the others only tell what came of it.
ATTACK = """
steps = []
def attack():
    if not steps:
        steps.append("begun")
        attempt()
        steps.append("succeeded")
    if "succeeded" not in steps:
        raise RuntimeError("the attack had failed")
"""


@dataclass(frozen=True)
class Scene:
    """What a submission finds around it: the course, and what the tests put up for it to attack.

    `places` replaces words such as <ROOT> in the submissions' sources.
    """

    course: Course
    places: dict[str, str]

    def fill(self, source: str, student: str) -> str:
        for word, value in {**self.places, "STUDENT": student}.items():
            source = source.replace(f"<{word}>", value)
        return source


@dataclass(frozen=True)
class Entry:
    """One student's folder and the row that it must get.

    Every task gives all of its points or, if it is among `lost`, none; `lost` is None where the submission needs
    attention. `says` is a regular expression that the message must contain; an empty one: the message is empty.
    """

    student: str
    tries: str
    hand_in: Callable[[Scene, str], object]
    lost: tuple[str, ...] | None = ()
    says: str = ""
    exercise: str = "ex04_aspp"
    seconds: int = 60  # the time limit that it is graded with
    cheats: bool = False  # whether it gets full points from plain nbgrader: a twin proves that the attack works

    @property
    def status(self) -> str:
        return "needs_attention" if self.lost is None else "graded"

    def points(self, full: dict[str, float]) -> dict[str, float] | None:
        """Points per task, given those of the exercise."""
        return None if self.lost is None else {name: 0 if name in self.lost else full[name] for name in full}


def answers(**cells: str) -> Callable[[Scene, str], object]:
    """A solved notebook in which these tasks' cells hold other code."""

    def hand_in(scene: Scene, student: str) -> None:
        sources = {f"{task}_answer": scene.fill(source, student).strip("\n") for task, source in cells.items()}
        scene.course.submit(student, scene.course.solved(**sources))

    return hand_in


def attack(
    student: str,
    tries: str,
    body: str,
    says: str = "",
    tools: str = "",
    task: str = KERNEL_SIZE,
    wrong: bool = False,
    harmless: bool = False,
    guarded: bool = False,
    seconds: int = 60,
) -> Entry:
    """A right solution that first attacks: only if the attack succeeds does it come to its right answer.

    With `wrong` there is no right answer, since success and failure of the attack look alike from inside. One that is
    `harmless` is expected to succeed, and to get its points. `tools` are functions that the attack uses.
    """
    steps = (GUARD if guarded else "") + tools + textwrap.dedent(body)
    source = f"def attempt():\n{textwrap.indent(steps, '    ')}\n{ATTACK}"
    source += RIGHT[task].format(first="attack(); return None" if wrong else "attack()")
    lost = () if harmless else (task,)
    return Entry(student, tries, answers(**{task: source}), lost, says, seconds=seconds)


def cheat(student: str, tries: str, source: str, says: str = f"{ASPP}: ", proven: bool = True) -> Entry:
    """A wrong, or copied, ASPP with something around it that shall get its points nevertheless.

    Where it is not `proven`, the attack is one on the sealed grader's own ways, which plain nbgrader does not have.
    """
    return Entry(student, tries, answers(**{ASPP: source}), (ASPP,), says, cheats=proven)


def before(student: str, tries: str, source: str, task: str = KERNEL_SIZE, seconds: int = 60) -> Entry:
    """Something unusual on top of a right solution, in the same cell: if it fails, the solution is not defined."""
    return Entry(student, tries, answers(**{task: source + RIGHT[task].format(first="pass")}), seconds=seconds)


def folder(scene: Scene, student: str) -> Path:
    """The student's folder, made if it is not there."""
    path = scene.course.hand_in / student
    path.mkdir(parents=True, exist_ok=True)
    return path
