"""What every test shares: real frames where they are, and no silent skips on continuous integration."""

import os
from pathlib import Path

import pytest

import segutils  # noqa: F401  before torch: it sets how torch's threads wait, here and in the kernels of nbval

MAY_SKIP_ON_CI = ("CamSeq01",)  # the licence forbids shipping these frames


@pytest.fixture(scope="session")
def camseq_source() -> Path:
    """The real CamSeq01 frames, as a folder or zip."""
    source = os.environ.get("SEGUTILS_CAMSEQ")
    if not source:
        pytest.skip("CamSeq01 is not here: set SEGUTILS_CAMSEQ to its zip or folder")
    return Path(source)


@pytest.fixture
def settings_are_given_back():
    """seed_everything changes torch's settings for the whole process, and tests of it must not."""
    import torch  # here, because most tests do without

    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(deterministic)


class NoSilentSkips:
    """On continuous integration a test that skips for want of a tool would be a test that nobody runs."""

    def __init__(self) -> None:
        self.forbidden: list[str] = []

    def pytest_runtest_logreport(self, report) -> None:
        if report.skipped and isinstance(report.longrepr, tuple) and not hasattr(report, "wasxfail"):
            reason = report.longrepr[2]
            if not any(word in reason for word in MAY_SKIP_ON_CI):
                self.forbidden.append(f"{report.nodeid}: {reason}")

    def pytest_sessionfinish(self, session) -> None:
        if self.forbidden and session.exitstatus == 0:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter) -> None:
        for line in self.forbidden:
            terminalreporter.write_line(f"FAILED {line} (nothing but CamSeq01 may be missing here)", red=True)


def pytest_configure(config) -> None:
    if os.environ.get("CI") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(NoSilentSkips(), "no-silent-skips")
