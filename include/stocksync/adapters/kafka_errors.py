"""What brokers complain of while a client waits for them, and which of it a person has to mend."""

import re
from collections.abc import Callable, Iterable

from confluent_kafka import KafkaError

from stocksync.errors import BadSetting
from stocksync.model.text import printable

_KEPT = 10
_LONGEST = 500
_WHEN = re.compile(r" \(after \d+ms in state \w+.*\)$")  # differs from one repetition to the next
_FOR_A_PERSON = {
    KafkaError._AUTHENTICATION: "sasl.username, sasl.password and sasl.mechanism as these brokers know them",  # noqa: SLF001 - librdkafka's name
    KafkaError._SSL: "SSL or SASL_SSL where these brokers expect TLS, and in ssl.ca.location who signed their "  # noqa: SLF001 - as above
    "certificates",
    KafkaError.SASL_AUTHENTICATION_FAILED: "sasl.username and sasl.password of an account of these brokers",
    KafkaError.UNSUPPORTED_SASL_MECHANISM: "a sasl.mechanism that these brokers offer",
    KafkaError.ILLEGAL_SASL_STATE: "the security.protocol of these brokers' listeners",
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "an account that may write idempotently (IdempotentWrite)",
}


class Complaints:
    """The latest errors that a client told of besides its answers; it is the client's `error_cb`.

    Args:
        further: is told of each as well
    """

    def __init__(self, further: Callable[[KafkaError], object] | None = None) -> None:
        self._kept: dict[str, KafkaError] = {}
        self._further = further

    def __call__(self, error: KafkaError) -> None:
        """Take one in."""
        self._kept.pop(in_words(error), None)
        self._kept[in_words(error)] = error
        if len(self._kept) > _KEPT:
            del self._kept[next(iter(self._kept))]
        if self._further is not None:
            self._further(error)

    def __str__(self) -> str:
        return "; ".join(self._kept)

    def raise_for_a_person(self) -> None:
        """Raise BadSetting where somebody has to mend something before the brokers answer."""
        raise_for_a_person(self._kept.values())


def raise_for_a_person(errors: Iterable[KafkaError]) -> None:
    """Raise BadSetting for the first error that does not pass by itself."""
    for error in errors:
        if (allowed := _FOR_A_PERSON.get(error.code())) is not None:
            raise BadSetting(f"Kafka (connection stock_kafka): {in_words(error)}; allowed: {allowed}")


def in_words(error: KafkaError) -> str:
    """What an error says, on one line."""
    return printable(_WHEN.sub("", error.str()), _LONGEST)
