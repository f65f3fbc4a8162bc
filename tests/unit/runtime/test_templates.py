"""Chat templates: rendered as Transformers does, and harmless whatever is in them."""

from __future__ import annotations

from datetime import datetime

import pytest

from app.core.errors import TemplateFault
from app.runtime.protocol import ChatMessage
from app.runtime.worker.templates import render_prompt

TALK = (
    ChatMessage("system", "Be brief."),
    ChatMessage("user", "Hello & <b>good</b> day"),
    ChatMessage("assistant", "Ay."),
    ChatMessage("user", "Who art thou?"),
)


def render(template: str | None, *messages: ChatMessage) -> str:
    return render_prompt(template, messages or TALK, "<s>", "</s>")


def test_conversation_without_template_becomes_chatml() -> None:
    assert render(None) == (
        "<|im_start|>system\nBe brief.<|im_end|>\n"
        "<|im_start|>user\nHello & <b>good</b> day<|im_end|>\n"
        "<|im_start|>assistant\nAy.<|im_end|>\n"
        "<|im_start|>user\nWho art thou?<|im_end|>\n"
        "<|im_start|>assistant\n"
    )


def test_template_of_llama2_style_gets_its_tokens_filters_and_loop_variables() -> None:
    template = (
        "{%- if messages[0]['role'] == 'system' %}\n"
        "    {%- set system = messages[0]['content'] | trim %}\n"
        "    {%- set loop_messages = messages[1:] %}\n"
        "{%- endif %}\n"
        "{%- for message in loop_messages %}\n"
        "    {%- if message.role == 'user' %}\n"
        "{{ bos_token + '[INST] ' + (system + '\\n\\n' if loop.first else '') + message['content'] + ' [/INST]' }}"
        "    {%- elif message['role'] == 'assistant' %}\n"
        "        {{- ' ' + message['content'] + eos_token }}\n"
        "    {%- endif %}\n"
        "{%- endfor %}\n"
    )
    # `{{ bos_token` follows a newline that trim_blocks takes away, `{%- elif` eats what is before it.
    assert render(template) == (
        "<s>[INST] Be brief.\n\nHello & <b>good</b> day [/INST] Ay.</s><s>[INST] Who art thou? [/INST]"
    )


def test_template_lines_that_hold_only_blocks_leave_no_trace() -> None:
    template = (
        "{% for m in messages %}\n    {% if m.role == 'user' %}\n{{ m.content }}\n    {% endif %}\n{% endfor %}\n"
        "end"
    )
    assert render(template, ChatMessage("user", "a"), ChatMessage("user", "b")) == "a\nb\nend"


def test_template_is_asked_for_the_beginning_of_an_answer() -> None:
    assert render("{% if add_generation_prompt %}go{% endif %}") == "go"


def test_template_may_break_and_continue_loops() -> None:
    template = (
        "{% for i in range(9) %}{% if i == 1 %}{% continue %}{% endif %}"
        "{% if i == 4 %}{% break %}{% endif %}{{ i }}{% endfor %}"
    )
    assert render(template) == "023"


def test_tojson_in_template_writes_plain_json_without_html_escapes() -> None:
    assert render("{{ messages[0].content | tojson }}", ChatMessage("user", '<b> & "ü"')) == '"<b> & \\"ü\\""'
    assert render("{{ {'a': 1} | tojson(indent=2) }}") == '{\n  "a": 1\n}'


def test_strftime_now_in_template_tells_the_date() -> None:
    before = datetime.now().strftime("%Y-%m-%d")
    shown = render("{{ strftime_now('%Y-%m-%d') }}")
    assert shown in (before, datetime.now().strftime("%Y-%m-%d"))


def test_template_that_refuses_the_conversation_raises_fault_with_its_reason() -> None:
    template = (
        "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    )
    with pytest.raises(TemplateFault, match="System role not supported") as caught:
        render(template)
    assert caught.value.hint
    assert render(template, ChatMessage("user", "x")) == ""


HOSTILE = [
    "{{ ''.__class__.__mro__ }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ messages.__init__.__globals__ }}",
    "{{ raise_exception.__globals__['json'] }}",
    "{{ (messages | attr('__class__')).__bases__ }}",
    "{{ '{0.__class__.__mro__}'.format('') }}",
    "{{ strftime_now.__globals__.datetime }}",
    "{{ self.__init__.__globals__ }}",
    "{{ cycler.__init__.__globals__.os.system('true') }}",
    "{% set x = messages.append({}) %}",
    "{% set x = messages[0].update({'role': 'user'}) %}",
    "{% set x = messages.clear() %}",
    "{% set x = messages[0].pop('role') %}",
]


@pytest.mark.parametrize("template", HOSTILE)
def test_template_that_reaches_out_of_the_sandbox_is_refused(template: str) -> None:
    with pytest.raises(TemplateFault):
        render(template)


BROKEN = [
    "{% for %}",
    "{{ messages",
    "{{ missing.attribute }}",
    "{{ 1 / 0 }}",
    "{{ [][5] + 1 }}",
    "{{ 'a' + 1 }}",
    "{{ messages | nosuchfilter }}",
    "{% include 'other' %}",
    "{% import 'os' as os %}",
    "{% for i in range(10 ** 12) %}{% endfor %}",
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "{{ 5 | dictsort }}",
    "{{ strftime_now(5) }}",
    "{{ 'x'.encode('nosuchcodec') }}",
    "{{ messages | tojson(indent=[]) }}",
    "{{ (10 ** 5000) }}",
    "{{ 'a' * (10 ** 18) }}",
    "{{ '%s%s' % 'a' }}",
    "{{ '{:>9999999999999}'.format('a') }}",
]


@pytest.mark.parametrize("template", BROKEN)
def test_template_that_is_broken_raises_fault_with_a_next_step(template: str) -> None:
    with pytest.raises(TemplateFault, match="chat template") as caught:
        render(template)
    assert caught.value.hint


def test_message_that_looks_like_a_template_stays_text() -> None:
    assert "{{ 7 * 7 }}" in render(None, ChatMessage("user", "{{ 7 * 7 }}"))
