"""What serving costs: the real model beside its bare loop, and the no-op model under Triton's own load generator."""

from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from onnx import TensorProto, helper

from tests.acceptance.figures import Figures
from tests.acceptance.triton_server import perf_analyzer
from tests.benchmarks.overhead import measure
from tests.processes import server_process
from tests.repositories import save_graph, write_config

RUNS = 5


def overhead(figures: Figures) -> None:
    images_per_s = measure()
    medians = {name: median(rates) for name, rates in images_per_s.items()}
    fed, alone = (medians["served"] / max(medians[f"{arm} 1"], medians[f"{arm} 8"]) for arm in ("bare", "alone"))
    facts = {"to_a_loop_without_load": round(alone, 4), "images_per_s": images_per_s}
    figures.at_least("ResNet-50-size model, gRPC to bare loop", fed, 0.95, **facts)


def noop(figures: Figures) -> None:
    with TemporaryDirectory() as folder:
        _write_noop(Path(folder))
        with server_process("services.runtime", f"--model-repository={folder}") as server:
            runs = [perf_analyzer(server.grpc_address, "noop", in_flight=16) for _ in range(RUNS)]
    rates = [run["infer_per_s"] for run in runs]
    figures.at_least("no-op model, 16 in flight, infer/s", median(rates), 4000, runs=rates)


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
