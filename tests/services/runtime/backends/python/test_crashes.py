"""What becomes of requests, processes, descriptors and threads when a model's process, or the server's, ends."""

import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from time import monotonic

import pytest

from services.runtime.backends.python import supervisor
from services.runtime.backends.python.backend import PythonBackend
from services.runtime.errors import DeadlineExpired, ImagoError, Unavailable
from tests.services.runtime.backends.python.models import DECOUPLED, Sink, ask, in_thread, outputs, write_model

PID = """
class TritonPythonModel:
    def initialize(self, args):
        # Tells the test, which waits at the other end, that this process is up, and who it is.
        with open(os.path.join(args["model_repository"], "news"), "w") as news:
            news.write(f"{os.getpid()}\\n")
    def execute(self, requests):
        if x(requests[0]).size:
            with open(os.path.join(pb_utils.get_model_dir(), "..", "news"), "w") as news:
                news.write("computing\\n")
            time.sleep(60)
        return [y(os.getpid()) for _ in requests]
"""


class Pipe:
    """A named pipe that a model writes lines to."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self._descriptor = os.open(path, os.O_RDWR)  # kept open for writing too, so that it never ends

    def line(self) -> str:
        text = b""
        while not text.endswith(b"\n"):
            assert select.select([self._descriptor], [], [], 10)[0], "the model has no news"
            text += os.read(self._descriptor, 1)
        return text.decode().strip()

    def close(self) -> None:
        os.close(self._descriptor)


@contextmanager
def reporting_model(folder: Path) -> Iterator[tuple[PythonBackend, Pipe, int]]:
    """A loaded PID model, its news, and its first process."""
    model = write_model(folder, PID)
    news = Pipe(model.path / "news")
    with model.loaded() as backend:
        yield backend, news, int(news.line())
    news.close()


def failure(backend: PythonBackend) -> ImagoError:
    with pytest.raises(ImagoError) as raised:
        backend.infer([ask(1)])
    return raised.value


def test_a_killed_process_fails_what_it_computed_and_comes_back(tmp_path: Path) -> None:
    with reporting_model(tmp_path) as (backend, news, pid):
        failures: list[ImagoError] = []
        request = in_thread(lambda: failures.append(failure(backend)))
        assert news.line() == "computing"
        os.kill(pid, signal.SIGKILL)
        request.join(10)
        (error,) = failures
        assert type(error) is Unavailable
        assert str(error) == (
            "model 'm' instance 'm_0' stopped (signal 9) while it computed this request; it is being restarted"
        )
        again = int(outputs(backend, ask())["Y"][0])
        assert again not in (0, pid)


def test_a_process_that_ends_while_idle_is_started_again_at_once(tmp_path: Path) -> None:
    with reporting_model(tmp_path) as (backend, news, pid):
        outputs(backend, ask())
        os.kill(pid, signal.SIGSEGV)
        assert int(news.line()) != pid


def test_requests_wait_for_the_restart_up_to_their_deadline(tmp_path: Path) -> None:
    source = """
    class TritonPythonModel:
        def initialize(self, args):
            first = os.path.join(args["model_repository"], "first")
            if os.path.exists(first):
                open(os.path.join(args["model_repository"], "gate")).read()
            open(first, "w").close()
        def execute(self, requests):
            if x(requests[0]).size:
                os._exit(3)
            return [y(1) for _ in requests]
    """
    model = write_model(tmp_path, source)
    os.mkfifo(model.path / "gate")
    with model.loaded() as backend:
        assert "(exit code 3)" in str(failure(backend))
        with pytest.raises(
            DeadlineExpired, match="the deadline passed while model 'm' instance 'm_0' was being restarted"
        ):
            backend.infer([ask(deadline=monotonic() + 0.05)])
        (model.path / "gate").write_text("go on")
        assert outputs(backend, ask(deadline=monotonic() + 10))["Y"] == [1]


def test_a_restart_that_fails_is_told_and_tried_again(tmp_path: Path) -> None:
    source = """
    class TritonPythonModel:
        def initialize(self, args):
            path = os.path.join(args["model_repository"], "runs")
            with open(path, "a") as runs:
                runs.write("x")
            if os.path.getsize(path) == 2:
                open(os.path.join(args["model_repository"], "gate")).read()
                raise OSError("the disk is gone")
        def execute(self, requests):
            if x(requests[0]).size:
                os._exit(3)
            return [y(1) for _ in requests]
    """
    model = write_model(tmp_path, source)
    os.mkfifo(model.path / "gate")
    with model.loaded() as backend:
        failure(backend)
        failures: list[ImagoError] = []
        request = in_thread(lambda: failures.append(failure(backend)))
        (model.path / "gate").write_text("go on")
        request.join(10)
        (error,) = failures
        assert str(error) == "model 'm' instance 'm_0' did not restart: OSError: the disk is gone"
        assert outputs(backend, ask())["Y"] == [1]


def test_closing_finalizes_and_leaves_nothing_behind(tmp_path: Path) -> None:
    source = """
    import subprocess
    class TritonPythonModel:
        def initialize(self, args):
            self.folder = args["model_repository"]
            self.helper = subprocess.Popen(["sleep", "600"])
        def execute(self, requests):
            sender = requests[0].get_response_sender()
            sender.send(y(x(requests[0])))
            sender.send(y([self.helper.pid]), 1)
        def finalize(self):
            open(os.path.join(self.folder, "finalized"), "w").close()
    """
    model = write_model(tmp_path, source, DECOUPLED)
    before = _descriptors(), threading.active_count(), _children()
    backend = model.load()
    for size in (1, 100_000, 300_000):
        backend.stream(ask(*[1] * size), sink := Sink())
        assert sink.finished.wait(10)
    helper = os.pidfd_open(int([sink.sent.get()["Y"][0] for _ in range(2)][1]))
    backend.close()
    del sink
    assert (model.path / "finalized").exists()
    assert select.select([helper], [], [], 10)[0], "what the model had started goes on"
    os.close(helper)
    assert (_descriptors(), threading.active_count(), _children()) == before


def test_a_model_can_end_what_it_starts(tmp_path: Path) -> None:
    source = """
    import multiprocessing, subprocess
    class TritonPythonModel:
        def execute(self, requests):
            program = subprocess.Popen(["sleep", "600"])
            program.terminate()
            begun, begin = os.pipe()
            copy = multiprocessing.get_context("fork").Process(target=lambda: os.write(begin, b"x") and time.sleep(600))
            copy.start()
            os.read(begun, 1)
            copy.terminate()
            copy.join()
            return [y([program.wait(), copy.exitcode]) for _ in requests]
    """
    with write_model(tmp_path, source).loaded() as backend:
        assert outputs(backend, ask())["Y"].tolist() == [-signal.SIGTERM, -signal.SIGTERM]


def test_closing_does_not_wait_for_a_model_that_never_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "FINALIZE_S", 0.1)
    source = """
    class TritonPythonModel:
        def execute(self, requests):
            return []
        def finalize(self):
            time.sleep(600)
    """
    before = _children()
    write_model(tmp_path, source).load().close()
    assert _children() == before


def test_closing_during_a_restart_ends_it(tmp_path: Path) -> None:
    source = """
    class TritonPythonModel:
        def initialize(self, args):
            first = os.path.join(args["model_repository"], "first")
            if os.path.exists(first):
                open(os.path.join(args["model_repository"], "never")).read()
            open(first, "w").close()
        def execute(self, requests):
            os._exit(3)
    """
    model = write_model(tmp_path, source)
    os.mkfifo(model.path / "never")
    backend = model.load()
    failure(backend)
    backend.close()
    with pytest.raises(Unavailable, match="model 'm' instance 'm_0' is being closed"):
        backend.infer([ask()])


def test_a_model_that_never_stops_crashing_is_started_ever_more_rarely(tmp_path: Path) -> None:
    with reporting_model(tmp_path) as (_, news, pid):
        starts = [monotonic()]
        process = pid
        for _ in range(3):
            os.kill(process, signal.SIGKILL)
            process = int(news.line())
            starts.append(monotonic())
    delays = [later - earlier for earlier, later in pairwise(starts)]
    assert delays[1] > 0.2
    assert delays[2] > 0.4


def test_the_model_ends_with_a_server_that_is_killed(tmp_path: Path) -> None:
    model = write_model(tmp_path, PID)
    news = Pipe(model.path / "news")
    server = subprocess.Popen(
        [sys.executable, "-c", _SERVER, str(model.path), model.message.SerializeToString().hex()],
        stdout=subprocess.PIPE,
    )
    assert server.stdout is not None
    pidfd = os.pidfd_open(int(news.line()))
    assert news.line() == "computing"
    server.kill()
    server.wait()
    server.stdout.close()
    assert select.select([pidfd], [], [], 10)[0], "the model survived its server"
    os.close(pidfd)
    news.close()


_SERVER = """
import sys, pathlib, numpy
from tritonclient.grpc import model_config_pb2
from services.runtime.backends.python.backend import PythonBackend
from services.runtime.config import finish_config
from services.runtime.model import InferRequest
folder = pathlib.Path(sys.argv[1])
config = finish_config(model_config_pb2.ModelConfig.FromString(bytes.fromhex(sys.argv[2])), folder)
backend = PythonBackend(config, folder, "1", instance_name="m_0", kind="CPU", device_id=0)
backend.infer([InferRequest("m", {"X": numpy.ones(1, numpy.float32)})])
"""


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def _children() -> list[str]:
    found: list[str] = []
    for task in Path("/proc/self/task").iterdir():
        with suppress(OSError):  # a thread that has just ended
            found += (task / "children").read_text().split()
    return found
