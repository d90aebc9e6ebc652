"""What the gateway can be told besides what every process can: where the services are, and how patient it is."""

from pydantic import Field, field_validator
from pydantic_settings import SettingsConfigDict

from gateway.backends import Backends, ChannelPolicy, parse_route
from gateway.rest_body import BodyLimits
from services.runtime.process.settings import ProcessSettings

_MIB = 1 << 20


class GatewaySettings(ProcessSettings):
    """A service whose address is not set is not offered: its RPCs answer UNIMPLEMENTED."""

    model_config = SettingsConfigDict(cli_shortcuts={"routes": "route"})

    grpc_port: int = Field(default=8081, ge=0, le=65535)
    """Port of gRPC; 0 lets the system choose."""
    http_port: int = Field(default=8080, ge=0, le=65535)
    """Port of REST, the pages, /livez, /readyz and /metrics; 0 lets the system choose."""

    detector: str = ""
    """Address of the detector, e.g. dns:///detector:8001, where every address of the name is one replica."""
    generator: str = ""
    """Address of the generator."""
    translator: str = ""
    """Address of the translator."""
    recognizer: str = ""
    """Address of the recognizer."""
    routes: list[str] = Field(default=[])
    """A model that has its own address, service/model=address, e.g. detector/face_mmod=dns:///face-mmod:8001. An RPC's
    default model is moved by the RPC's name, e.g. translator:dream=dns:///dreams:8001."""

    unary_timeout_s: float = Field(default=60.0, gt=0)
    """Deadline of a call whose client set none; streams then have none."""
    health_timeout_s: float = Field(default=1.0, gt=0)
    """Most seconds to wait for a service when asked how it is or which models it has."""
    retry_attempts: int = Field(default=4, ge=1, le=5)
    """Attempts at a call that a service could not take; 1: no retries. Writes without idempotency key have one.
    Callers are told not to repeat a call that failed after them: attempts would multiply."""
    retry_first_backoff_s: float = Field(default=0.1, gt=0)
    """Seconds before the second attempt; each further one waits twice as long."""
    retry_most_backoff_s: float = Field(default=1.0, gt=0)
    """Most seconds between two attempts."""

    rest_body_mib: int = Field(default=32, ge=1, le=2047)
    """Largest REST body, or line of a streamed one, in MiB; base64 makes an image a third larger."""
    rest_body_timeout_s: float = Field(default=60.0, gt=0)
    """Most seconds that a REST body, or the next part of a streamed one, may take to arrive."""
    rest_max_in_flight: int = Field(default=64, ge=1)
    """Most REST calls at once; further ones are refused. With rest-body-mib it bounds the memory of uploads."""

    @field_validator("detector", "generator", "translator", "recognizer")
    @classmethod
    def _addresses_are_of_grpc(cls, address: str) -> str:
        if address.startswith(("http://", "https://")):
            raise ValueError("gRPC has no URLs: write dns:///host:port")
        return address

    @field_validator("routes")
    @classmethod
    def _routes_can_be_read(cls, routes: list[str]) -> list[str]:
        for route in routes:
            parse_route(route)
        return routes

    def backends(self) -> Backends:
        """The services and moved models that these settings name."""
        policy = ChannelPolicy(
            max_message_bytes=self.max_message_mib * _MIB,
            retry_attempts=self.retry_attempts,
            retry_first_backoff_s=self.retry_first_backoff_s,
            retry_most_backoff_s=self.retry_most_backoff_s,
        )
        services = {
            "detector": self.detector,
            "generator": self.generator,
            "translator": self.translator,
            "recognizer": self.recognizer,
        }
        return Backends(services, self.routes, policy)

    def body_limits(self) -> BodyLimits:
        return BodyLimits(max_bytes=self.rest_body_mib * _MIB, timeout_s=self.rest_body_timeout_s)
