import pytest
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from grpc import StatusCode

from services.runtime import errors
from services.runtime.process.status import code_of, status_of, trailers_of


def error_classes() -> list[type[errors.ImagoError]]:
    return [cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, errors.ImagoError)]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.InvalidInput("no"), StatusCode.INVALID_ARGUMENT),
        (errors.NotFound("no"), StatusCode.NOT_FOUND),
        (errors.Unsupported("no"), StatusCode.UNIMPLEMENTED),
        (errors.Overloaded("no"), StatusCode.RESOURCE_EXHAUSTED),
        (errors.DeadlineExpired("no"), StatusCode.DEADLINE_EXCEEDED),
        (errors.QueueTimeout("no"), StatusCode.DEADLINE_EXCEEDED),
        (errors.Cancelled("no"), StatusCode.CANCELLED),
        (errors.Unavailable("no"), StatusCode.UNAVAILABLE),
        (errors.ModelFailed("no"), StatusCode.INTERNAL),
    ],
)
def test_each_error_has_its_code(error: errors.ImagoError, code: StatusCode) -> None:
    assert code_of(error) is code
    assert (status_of(error).code, status_of(error).message) == (code.value[0], "no")


def test_every_error_class_that_exists_has_a_code_of_its_own_or_of_its_parent() -> None:
    strangers = [cls.__name__ for cls in error_classes() if code_of(cls("no")) is StatusCode.INTERNAL]
    assert sorted(strangers) == ["ImagoError", "ModelFailed"]


def test_a_wrong_field_is_named_in_a_detail() -> None:
    (detail,) = status_of(errors.InvalidInput("image has 0 bytes", field="image")).details
    violations = BadRequest()
    assert detail.Unpack(violations)
    assert [(v.field, v.description) for v in violations.field_violations] == [("image", "image has 0 bytes")]


def test_overload_says_when_to_come_back_to_programs_and_to_grpc_itself() -> None:
    error = errors.Overloaded("full", retry_after_s=0.25)
    retry = RetryInfo()
    assert status_of(error).details[0].Unpack(retry)
    assert retry.retry_delay.ToMilliseconds() == 250
    assert dict(trailers_of(error))["grpc-retry-pushback-ms"] == "250"


def test_an_error_without_details_needs_no_trailers() -> None:
    assert trailers_of(errors.NotFound("no")) == ()


def test_a_sentence_is_cut_to_what_trailers_can_carry_and_stays_valid_text() -> None:
    message = status_of(errors.InvalidInput("ä" * 5000, field="image")).message
    assert message == "ä" * 500


def test_text_that_utf8_does_not_know_still_becomes_a_sentence() -> None:
    assert status_of(errors.ModelFailed("odd \udcff letter")).message == "odd ? letter"
