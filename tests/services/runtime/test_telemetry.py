import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import Counter
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.parser import text_string_to_metric_families

from services.runtime.telemetry import Duration, Histogram, Metrics, ModelStatistics

MS = 1_000_000


def answered(stats: ModelStatistics, *, rows: int = 1) -> None:
    stats.request_succeeded(
        rows=rows,
        queue_ns=2 * MS,
        compute_input_ns=1 * MS,
        compute_infer_ns=10 * MS,
        compute_output_ns=1 * MS,
        total_ns=15 * MS,
    )


@pytest.fixture
def stats() -> ModelStatistics:
    stats = ModelStatistics("face_hog", "3")
    for rows in (1, 2):
        answered(stats, rows=rows)
    stats.batch_executed(3, 1 * MS, 10 * MS, 1 * MS)
    stats.request_failed("REJECTED", 5 * MS)
    stats.request_failed("CANCELED", 1 * MS)
    stats.pending = 4
    return stats


@pytest.fixture
def metrics(stats: ModelStatistics) -> Metrics:
    metrics = Metrics()
    metrics.register(stats)
    return metrics


def samples(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = text_string_to_metric_families(metrics.exposition().decode())
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def test_statistics_add_up_in_tritons_terms(stats: ModelStatistics) -> None:
    assert (stats.success, stats.fail, stats.cancel) == (Duration(2, 30 * MS), Duration(2, 6 * MS), Duration(1, MS))
    assert (stats.queue, stats.compute_infer) == (Duration(2, 4 * MS), Duration(2, 20 * MS))
    assert (stats.inference_count, stats.execution_count) == (3, 1)
    assert stats.failures == {"REJECTED": 1, "CANCELED": 1, "BACKEND": 0, "OTHER": 0}
    assert stats.batches[3].compute_infer == Duration(1, 10 * MS)
    assert stats.last_inference_ms > 1_600_000_000_000


@pytest.mark.parametrize(
    "line",
    [
        'nv_inference_request_success{model="face_hog",version="3"} 2',
        'nv_inference_request_failure{model="face_hog",reason="REJECTED",version="3"} 1',
        'nv_inference_request_failure{model="face_hog",reason="CANCELED",version="3"} 1',
        'nv_inference_request_failure{model="face_hog",reason="BACKEND",version="3"} 0',
        'nv_inference_request_failure{model="face_hog",reason="OTHER",version="3"} 0',
        'nv_inference_count{model="face_hog",version="3"} 3',
        'nv_inference_exec_count{model="face_hog",version="3"} 1',
        'nv_inference_pending_request_count{model="face_hog",version="3"} 4',
        'nv_inference_request_duration_us{model="face_hog",version="3"} 30000',
        'nv_inference_queue_duration_us{model="face_hog",version="3"} 4000',
        'nv_inference_compute_input_duration_us{model="face_hog",version="3"} 2000',
        'nv_inference_compute_infer_duration_us{model="face_hog",version="3"} 20000',
        'nv_inference_compute_output_duration_us{model="face_hog",version="3"} 2000',
    ],
)
def test_every_triton_figure_is_a_line_as_triton_prints_it_under_its_own_type(metrics: Metrics, line: str) -> None:
    lines = metrics.exposition().decode().splitlines()
    assert lines.count(line) == 1
    name = line.partition("{")[0]
    kind = "gauge" if name == "nv_inference_pending_request_count" else "counter"
    before = lines[: lines.index(line)]
    assert [entry for entry in before if entry.startswith("# TYPE")][-1] == f"# TYPE {name} {kind}"


def test_no_name_of_triton_gets_a_suffix(metrics: Metrics) -> None:
    assert not re.search(r"nv_inference_\w+_total", metrics.exposition().decode())


def test_histograms_count_requests_and_batches(metrics: Metrics) -> None:
    found = samples(metrics)
    labels = (("model", "face_hog"), ("version", "3"))
    assert found["imago_request_seconds_count", labels] == 2
    assert found["imago_request_seconds_sum", labels] == pytest.approx(0.030)
    assert found["imago_queue_seconds_sum", labels] == pytest.approx(0.004)
    assert found["imago_compute_seconds_sum", labels] == pytest.approx(0.024)
    assert found["imago_request_seconds_bucket", (("le", "0.01"), *labels)] == 0
    assert found["imago_request_seconds_bucket", (("le", "0.025"), *labels)] == 2
    assert found["imago_batch_rows_bucket", (("le", "2.0"), *labels)] == 0
    assert found["imago_batch_rows_bucket", (("le", "4.0"), *labels)] == 1
    assert found["imago_batch_rows_sum", labels] == 3


def test_a_model_is_shown_from_register_to_unregister(metrics: Metrics, stats: ModelStatistics) -> None:
    metrics.unregister(stats)
    assert "face_hog" not in metrics.exposition().decode()


def test_a_later_load_of_a_version_takes_the_place_of_the_earlier_and_survives_its_unload(
    metrics: Metrics, stats: ModelStatistics
) -> None:
    later = ModelStatistics("face_hog", "3")
    metrics.register(later)
    metrics.unregister(stats)
    answered(later)
    assert metrics.exposition().decode().count("nv_inference_request_success{") == 1
    assert b'nv_inference_request_success{model="face_hog",version="3"} 1\n' in metrics.exposition()


def test_what_others_register_is_shown_too(metrics: Metrics) -> None:
    Counter("gateway_retries", "Retries.", registry=metrics.registry).inc()
    assert samples(metrics)["gateway_retries_total", ()] == 1


def test_a_strange_model_name_does_not_break_the_format() -> None:
    metrics = Metrics()
    metrics.register(ModelStatistics('a"\\\nb', "1"))
    assert samples(metrics)["nv_inference_pending_request_count", (("model", 'a"\\\nb'), ("version", "1"))] == 0


@given(
    bounds=st.lists(st.integers(0, 100), min_size=1, max_size=6, unique=True).map(sorted),
    values=st.lists(st.integers(0, 120)),
)
def test_a_bucket_counts_the_values_up_to_its_bound(bounds: list[int], values: list[int]) -> None:
    histogram = Histogram(bounds)
    for value in values:
        histogram.observe(value)
    family = HistogramMetricFamily("h", "h", labels=())
    histogram.add_to(family, ())
    buckets = {s.labels["le"]: s.value for s in family.samples if s.name == "h_bucket"}
    expected = {str(bound / 1): sum(value <= bound for value in values) for bound in bounds}
    assert buckets == expected | {"+Inf": len(values)}
    assert [s.value for s in family.samples if s.name == "h_sum"] == [sum(values)]
