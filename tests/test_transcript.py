"""The sponge, codecs, NARG strings and transcripts, against the vectors of draft-irtf-cfrg-fiat-shamir."""

from __future__ import annotations

import hashlib
import json
import re
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from primitives import codec, decoding_reasons, narg
from primitives.errors import DecodingError
from primitives.narg import NargError, NargReader
from primitives.parameters import GROUP_ORDER
from primitives.reference_backend import ReferenceBackend
from primitives.sponge import DuplexSponge, compose_tag, derive_session_id
from primitives.transcript import ProverTranscript, VerifierTranscript

VECTORS: Final = Path(__file__).parent / "vectors"
ORIGINALS: Final = Path(__file__).parents[2] / "shared" / "data" / "cfrg"
BACKEND: Final = ReferenceBackend()
PROTOCOL: Final = b"sealedbook-test-v1"


def load(name: str) -> Any:
    return json.loads((VECTORS / "cfrg" / name).read_text(encoding="utf-8"))


SPONGE, CODEC, SUMCHECK = load("sponge.json"), load("codec.json"), load("sumcheck.json")


@pytest.mark.skipif(not ORIGINALS.is_dir(), reason=f"NOT COMPARED with the drafts' own files: no {ORIGINALS}")
def test_our_vector_files_are_what_the_generator_makes_of_the_originals() -> None:
    generator = runpy.run_path(str(VECTORS / "generate_cfrg.py"))
    made = {name: generator["render"](content) for name, content in generator["convert"](ORIGINALS).items()}
    stored = {path.name: path.read_text(encoding="utf-8") for path in (VECTORS / "cfrg").iterdir()}
    assert stored == made


# Sponge


@pytest.mark.parametrize("trace", SPONGE["traces"], ids=lambda trace: trace["name"])
def test_sponge_traces(trace: Any) -> None:
    sponge = DuplexSponge(bytes.fromhex(trace["session_id"]))
    squeezed = b""
    for step, argument in trace["steps"]:
        if step == "absorb":
            sponge.absorb(bytes.fromhex(argument))
        else:
            squeezed += sponge.squeeze(argument)
    assert squeezed.hex() == trace["squeezed"]
    if "challenge" in trace:
        assert codec.decode_integer(squeezed, int(trace["modulus"], 16)) == int(trace["challenge"], 16)


def test_session_ids() -> None:
    assert len(SPONGE["session_ids"]) == 1
    for case in SPONGE["session_ids"]:
        assert derive_session_id(bytes.fromhex(case["tag"])).hex() == case["session_id"]
    for length in (0, 31, 33):
        with pytest.raises(ValueError, match="32 bytes"):
            DuplexSponge(bytes(length))


def test_tags_are_composed_without_ambiguity() -> None:
    assert compose_tag(b"proto", b"") == b"proto"
    assert compose_tag(b"proto", b"\x00x") == b"proto\x00\x00x"
    pairs = [(b"ab", b"c"), (b"a", b"bc"), (b"abc", b""), (b"a", b"\x00bc"), (b"a", b"b\x00c")]
    assert len({compose_tag(*pair) for pair in pairs}) == len(pairs)
    for protocol_id in (b"", b"a\x00b", b"a b", b"caf\xc3\xa9", b"a\x7f"):
        with pytest.raises(ValueError, match="printable ASCII"):
            compose_tag(protocol_id, b"session")


# Codecs

SERIALIZERS: dict[str, Callable[[Any], bytes]] = {
    "SerializeVarLenString": lambda case: codec.serialize_byte_string(bytes.fromhex(case["input"])),
    "SerializeUint": lambda case: codec.serialize_integer(int(case["input"], 16), modulus(case)),
    "SerializeField": lambda case: codec.serialize_field_big_endian([int(case["input"], 16)], modulus(case)),
}
DESERIALIZERS: dict[str, Callable[[Any, bytes], tuple[Any, bytes]]] = {
    "DeserializeVarLenString": lambda case, data: codec.deserialize_byte_string(data),
    "DeserializeUint": lambda case, data: codec.deserialize_integer(data, modulus(case)),
    "DeserializeField": lambda case, data: codec.deserialize_field(data, modulus(case), case["degree"]),
}
REASONS: Final = {
    "deserialize_uint_reject_modulus": codec.INTEGER_RANGE,
    "deserialize_uint_reject_short": codec.TRUNCATED,
    "deserialize_field_reject_second_coordinate": codec.INTEGER_RANGE,
    "deserialize_varlen_reject_truncated": codec.TRUNCATED,
    "deserialize_varlen_reject_overflow": codec.TRUNCATED,
}


def modulus(case: Any) -> int:
    return int(case["modulus"], 16)


@pytest.mark.parametrize("case", CODEC["cases"], ids=lambda case: case["name"])
def test_codec_vectors(case: Any) -> None:
    function = case["function"]
    if function in SERIALIZERS:
        assert SERIALIZERS[function](case).hex() == case["output"]
    elif function == "DecodeUint":
        assert codec.decode_integer(bytes.fromhex(case["input"]), modulus(case)) == int(case["output"], 16)
    elif case["refused"]:
        with pytest.raises(DecodingError, match=re.escape(REASONS[case["name"]])):
            DESERIALIZERS[function](case, bytes.fromhex(case["input"]))
    else:
        value, rest = DESERIALIZERS[function](case, bytes.fromhex(case["input"]) + b"rest")
        assert [hex(coordinate) for coordinate in value] == case["output"]
        assert rest == b"rest"


def test_deserialisation_inverts_serialisation_and_leaves_the_rest() -> None:
    prime = (1 << 255) - 19
    assert codec.deserialize_byte_string(codec.serialize_byte_string(b"proof") + b"!") == (b"proof", b"!")
    assert codec.deserialize_integer(codec.serialize_integer(3, prime) + b"!", prime) == (3, b"!")
    pair = codec.serialize_field([1, prime - 1], prime)
    assert codec.deserialize_field(pair, prime, 2) == ((1, prime - 1), b"")
    assert [codec.integer_bytes(m) for m in (2, 256, 257, 1 << 32, prime)] == [1, 1, 2, 4, 32]


def test_codecs_refuse_what_they_cannot_represent() -> None:
    for value in (-1, 7):
        with pytest.raises(ValueError, match="not below the modulus"):
            codec.serialize_integer(value, 7)
    with pytest.raises(ValueError, match="not below the modulus"):
        codec.serialize_length(1 << 32)
    for length in (47, 49):
        with pytest.raises(ValueError, match="expected 48 bytes"):
            codec.decode_integer(bytes(length), GROUP_ORDER)


# The example protocol of the draft's appendix, over a sponge and codecs alone


def sumcheck_instance(case: Any) -> tuple[DuplexSponge, int, int]:
    prime, claim = int(case["modulus"], 16), int(case["claimed_sum"], 16)
    sponge = DuplexSponge(bytes.fromhex(case["session_id"]))
    variables = codec.serialize_integer(case["variables"], codec.UINT32_MODULUS)
    sponge.absorb(variables + codec.serialize_field([claim], prime))
    return sponge, prime, claim


def prove_sumcheck(case: Any) -> tuple[bytes, int]:
    sponge, prime, _ = sumcheck_instance(case)
    table, messages = case["witness"], b""
    while len(table) > 1:
        even, odd = table[0::2], table[1::2]
        message = codec.serialize_field([sum(even) % prime, (sum(odd) - sum(even)) % prime], prime)
        sponge.absorb(message)
        messages += message
        r = int.from_bytes(sponge.squeeze(4), "little") % prime
        table = [(a + r * (b - a)) % prime for a, b in zip(even, odd, strict=True)]
    return messages, table[0]


def verify_sumcheck(case: Any) -> int:
    sponge, prime, claim = sumcheck_instance(case)
    rest = bytes.fromhex(case["narg"])
    for number in range(case["variables"]):
        before = rest
        (constant, slope), rest = codec.deserialize_field(rest, prime, 2)
        if (2 * constant + slope - claim) % prime:
            raise ArithmeticError(f"round {number}")
        sponge.absorb(before[: len(before) - len(rest)])
        claim = (constant + slope * (int.from_bytes(sponge.squeeze(4), "little") % prime)) % prime
    if rest:
        raise DecodingError(narg.TRAILING)
    return claim


SUMCHECK_REFUSALS: Final[dict[str, tuple[type[Exception], str]]] = {
    "sumcheck_reject_trailing_bytes": (DecodingError, narg.TRAILING),
    "sumcheck_reject_noncanonical_coefficient": (DecodingError, codec.INTEGER_RANGE),
    "sumcheck_reject_round_identity": (ArithmeticError, "round 0"),
}


@pytest.mark.parametrize("case", SUMCHECK["proofs"], ids=lambda case: case["name"])
def test_the_example_protocol_of_the_draft(case: Any) -> None:
    if case["name"] in SUMCHECK_REFUSALS:
        error, message = SUMCHECK_REFUSALS[case["name"]]
        with pytest.raises(error, match=message):
            verify_sumcheck(case)
    else:
        messages, final = prove_sumcheck(case)
        assert messages.hex() == case["narg"]
        assert final == int(case["final_evaluation"], 16) == verify_sumcheck(case)


# Transcripts


def points(*factors: int) -> Any:
    generators = BACKEND.hash_to_curve([b"P"], b"TEST")
    vector = BACKEND.identity(0)
    for factor in factors:
        vector = vector.concat(generators.scale(BACKEND.scalars_from_ints([factor])))
    return vector


def prover() -> ProverTranscript:
    transcript = ProverTranscript(PROTOCOL, b"session")
    transcript.absorb_public(b"statement", bytes(4))
    return transcript


def verifier(data: bytes, session: bytes = b"session") -> VerifierTranscript:
    transcript = VerifierTranscript(BACKEND, PROTOCOL, session, narg=data)
    transcript.absorb_public(b"statement", bytes(4))
    return transcript


def test_prover_and_verifier_draw_the_same_challenges() -> None:
    sent = prover()
    drawn = []
    sent.write_points(points(1, 2))
    drawn += sent.challenge_scalars(2)
    sent.write_scalars(BACKEND.scalars_from_ints([5, 6, 7]))
    drawn.append(sent.challenge_128())
    sent.write_bytes(b"raw")
    drawn.append(sent.challenge_scalar())
    assert len(sent.narg()) == 2 * 48 + 3 * 32 + 3

    received = verifier(sent.narg())
    received.expect_remaining(2 * 48 + 3 * 32 + 3, "proof")
    assert received.read_subgroup_points(2, "points").to_compressed() == points(1, 2).to_compressed()
    assert received.challenge_scalars(2) == drawn[:2]
    assert received.read_scalars(3, "scalars").to_ints() == [5, 6, 7]
    assert received.challenge_128() == drawn[2]
    assert received.read_bytes(3, "raw") == b"raw"
    assert received.challenge_scalar() == drawn[3]
    received.finish()
    assert drawn[2] < 1 << 128 <= min(drawn[:2])


def test_challenges_are_the_draft_s_hash_of_all_that_was_absorbed() -> None:
    transcript = prover()
    transcript.write_bytes(b"first")
    transcript.write_scalars(BACKEND.scalars_from_ints([3]))
    public = b"\x09\x00\x00\x00statement" + b"\x04\x00\x00\x00" + bytes(4)
    session_id = derive_session_id(PROTOCOL + b"\x00session")
    absorbed = session_id + bytes(136) + public + b"first" + (3).to_bytes(32, "big")
    stream = hashlib.shake_128(absorbed).digest(48 + 16)
    assert transcript.challenge_scalar() == int.from_bytes(stream[:48], "little") % GROUP_ORDER
    assert transcript.challenge_128() == int.from_bytes(stream[48:], "little")


def test_challenges_drawn_singly_or_together_are_the_same() -> None:
    one, many = prover(), prover()
    assert [one.challenge_scalar() for _ in range(5)] == many.challenge_scalars(5)
    assert len(set(prover().challenge_scalars(5))) == 5
    assert prover().challenge_scalars(0) == []


def test_every_input_changes_the_challenge() -> None:
    def challenge(*fields: bytes, protocol: bytes = PROTOCOL, session: bytes = b"", raw: bytes = b"") -> int:
        transcript = ProverTranscript(protocol, session)
        transcript.absorb_public(*fields)
        if raw:
            transcript.absorb_encoded(raw)
        return transcript.challenge_scalar()

    challenges = [
        challenge(b"ab"),
        challenge(b"ab", b""),
        challenge(b"a", b"b"),
        challenge(b"", b"ab"),
        challenge(b"ab", raw=b"c"),
        challenge(b"ab", session=b"s"),
        challenge(b"ab", protocol=PROTOCOL + b"2"),
    ]
    assert len(set(challenges)) == len(challenges)


def test_points_are_absorbed_as_they_were_sent() -> None:
    by_kind, raw = prover(), prover()
    by_kind.write_points(points(3))
    raw.write_bytes(points(3).to_compressed())
    assert by_kind.challenge_scalar() == raw.challenge_scalar()


def test_a_transcript_without_statement_is_refused() -> None:
    without = ProverTranscript(PROTOCOL)
    for operation in (without.challenge_scalar, without.challenge_128, lambda: without.write_bytes(b"x")):
        with pytest.raises(ValueError, match="statement must be absorbed"):
            operation()
    reading = VerifierTranscript(BACKEND, PROTOCOL, narg=bytes(4))
    with pytest.raises(ValueError, match="statement must be absorbed"):
        reading.read_bytes(4, "x")
    with pytest.raises(ValueError, match="cannot be empty"):
        without.absorb_encoded(b"")
    without.absorb_public()
    with pytest.raises(ValueError, match="statement must be absorbed"):
        without.challenge_scalar()


def test_the_identity_is_neither_sent_nor_received_unless_allowed() -> None:
    vector = points(1).concat(BACKEND.identity(1))
    with pytest.raises(ValueError, match="identity cannot be sent"):
        prover().write_points(vector)
    sent = prover()
    sent.write_points(vector, allow_identity=True)
    with pytest.raises(NargError, match="commitments, element 1, at byte 48: point is the identity") as error:
        verifier(sent.narg()).read_points(2, "commitments")
    assert (error.value.label, error.value.offset, error.value.index) == ("commitments", 48, 1)
    received = verifier(sent.narg())
    assert received.read_points(2, "commitments", allow_identity=True).identity_mask().tolist() == [
        False,
        True,
    ]
    assert received.challenge_scalar() == sent.challenge_scalar()


GOOD_POINT: Final = points(1).to_compressed()
SMALL_ORDER: Final = bytes([0x80]) + bytes(47)
NOT_ON_CURVE: Final = bytes([0x80]) + bytes(46) + b"\x01"
Read = Callable[[VerifierTranscript], object]
REFUSALS: Final[dict[str, tuple[bytes, Read, int, str]]] = {
    "points missing": (bytes(47), lambda t: t.read_points(1, "x"), 0, codec.TRUNCATED),
    "scalars missing": (bytes(63), lambda t: t.read_scalars(2, "x"), 0, codec.TRUNCATED),
    "bytes missing": (b"ab", lambda t: (t.read_bytes(1, "y"), t.read_bytes(2, "x")), 1, codec.TRUNCATED),
    "scalar range": (
        bytes(33) + GROUP_ORDER.to_bytes(32, "big"),
        lambda t: (t.read_bytes(1, "y"), t.read_scalars(2, "x")),
        33,
        decoding_reasons.SCALAR_RANGE,
    ),
    "not on the curve": (
        GOOD_POINT + NOT_ON_CURVE,
        lambda t: t.read_points(2, "x"),
        48,
        decoding_reasons.NOT_ON_CURVE,
    ),
    "not in the subgroup": (
        b"!" + GOOD_POINT + SMALL_ORDER,
        lambda t: (t.read_bytes(1, "y"), t.read_subgroup_points(2, "x")),
        49,
        narg.NOT_IN_SUBGROUP,
    ),
    "too long": (bytes(5), lambda t: t.expect_remaining(4, "x"), 4, narg.TRAILING),
    "too short": (bytes(3), lambda t: t.expect_remaining(4, "x"), 3, codec.TRUNCATED),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_reading_is_strict_and_says_where(name: str) -> None:
    data, read, offset, reason = REFUSALS[name]
    with pytest.raises(NargError, match=re.escape(reason)) as error:
        read(verifier(data))
    assert (error.value.label, error.value.offset, error.value.reason) == ("x", offset, reason)


def test_points_outside_the_subgroup_are_for_callers_who_clear_the_cofactor() -> None:
    assert not verifier(SMALL_ORDER).read_points(1, "x").subgroup_mask().any()


def test_trailing_bytes_are_refused() -> None:
    transcript = verifier(b"ab")
    transcript.read_bytes(1, "x")
    with pytest.raises(NargError, match="at byte 1: bytes are left over"):
        transcript.finish()


def test_a_reader_knows_where_it_is() -> None:
    reader = NargReader(BACKEND, b"abcd")
    assert reader.read_bytes(3, "x") == b"abc"
    assert (reader.offset, reader.remaining, reader.bytes_since(1)) == (3, 1, b"bc")
    with pytest.raises(ValueError, match="negative length"):
        reader.read_bytes(-1, "x")


def test_another_session_draws_other_challenges() -> None:
    assert verifier(b"", b"session").challenge_scalar() != verifier(b"", b"other").challenge_scalar()
