"""Lines that adapters answer, and what is read from them."""

import json

from support.made_answers import answered

from conformance.adapter.answer import Answer, read_answer

DIED = Answer("it died: status 1", fault="crash")


def test_a_line_that_is_not_json_is_quoted_as_bytes():
    for line in (b'{"result": NaN}', b'{"result": -Infinity}', b"\xff", b"oops", b"[" * 100_000):
        assert read_answer(line) == Answer(repr(line[:3000]), None, "malformed")


def test_json_that_is_not_an_answer_is_quoted_unchanged():
    for text in (
        "true", '["result"]', "{}", '{"result": 1, "error": ""}', '{"unsupported": false}',
        '{"unsupported": 1}', '{"error": 1}',
    ):  # fmt: skip
        assert read_answer(f" {text}\r\n".encode()) == Answer(text, None, "malformed")


def test_a_valid_line_is_an_answer_with_its_object():
    for text, unsupported in (
        ('{"result": null, "swaps": []}', False),
        ('{"error": ""}', False),
        ('{"unsupported": true}', True),
    ):
        answer = read_answer(f"{text}\n".encode())
        assert answer == Answer(text, json.loads(text), None)
        assert answer.unsupported is unsupported
        assert answer.to_json() == json.loads(text)


def test_a_missing_answer_is_not_unsupported():
    assert DIED.unsupported is False


def test_a_report_says_what_happened_if_there_is_no_answer():
    assert DIED.to_json() == {"text": "it died: status 1", "fault": "crash"}
    assert Answer("x").to_json() == {"text": "x"}


def test_a_report_has_answers_up_to_3000_characters_and_the_start_of_longer_ones():
    whole = answered(result="x" * (3000 - len('{"result": ""}')))
    assert whole.to_json() == whole.content
    longer = answered(result="x" * (3001 - len('{"result": ""}')))
    assert longer.to_json() == {"text": f"{longer.text[:2997]}..."}
