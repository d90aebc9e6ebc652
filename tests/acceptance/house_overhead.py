"""What serving costs: the real model beside its bare loop, and the no-op model under Triton's own load generator."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import grpc
from onnx import TensorProto, helper

from tests.acceptance.figures import Figures
from tests.acceptance.triton_server import free_port, perf_analyzer
from tests.benchmarks.overhead import measure
from tests.processes import ROOT, server_process
from tests.repositories import save_graph, write_config

RUNS = 5


def overhead(figures: Figures) -> None:
    images_per_s = measure()
    medians = {name: median(rates) for name, rates in images_per_s.items()}
    fed, alone = (medians["served"] / max(medians[f"{arm} 1"], medians[f"{arm} 8"]) for arm in ("bare", "alone"))
    facts = {"to_a_loop_without_load": round(alone, 4), "images_per_s": images_per_s}
    figures.at_least("ResNet-50-size model, gRPC to bare loop", fed, 0.95, **facts)


def noop(figures: Figures) -> None:
    """The two ways of asking, and a bare handler, interleaved: what grpc.aio itself reaches is part of the answer."""
    rates: dict[str, list[float]] = {"bare_handler": [], "calls": [], "stream": []}
    with TemporaryDirectory() as folder, _bare_handler() as bare:
        _write_noop(Path(folder))
        with server_process("services.runtime", f"--model-repository={folder}") as server:
            for _ in range(RUNS):
                for name, address in (("bare_handler", bare), ("calls", server.grpc_address)):
                    rates[name].append(perf_analyzer(address, "noop", in_flight=16)["infer_per_s"])
                streamed = perf_analyzer(server.grpc_address, "noop", in_flight=16, streaming=True)
                rates["stream"].append(streamed["infer_per_s"])
    bare_handler, calls, stream = (median(each) for each in rates.values())
    figures.at_least("no-op model, 16 in flight on a stream, infer/s", stream, 4000, runs=rates)
    share = round(calls / bare_handler, 3)
    figures.measured("no-op model, 16 in flight, each a call, infer/s", calls, to_a_bare_grpc_aio_handler=share)


@contextmanager
def _bare_handler() -> Iterator[str]:
    port = free_port()
    with subprocess.Popen([sys.executable, "-m", "tests.benchmarks.bare_grpc", str(port)], cwd=ROOT) as process:
        try:
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                grpc.channel_ready_future(channel).result(timeout=30)
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()


def _write_noop(root: Path) -> None:
    tensor = "data_type: TYPE_FP32 dims: [16]"
    folder = write_config(
        root,
        "noop",
        f"""backend: "onnxruntime"
max_batch_size: 16
input [{{ name: "x" {tensor} }}]
output [{{ name: "y" {tensor} }}]
dynamic_batching {{}}
""",
    )
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 16]) for name in "xy")
    save_graph(folder, helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "noop", [x], [y]))
