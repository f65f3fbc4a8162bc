"""Chat templates: rendered as Transformers does, and harmless whatever is in them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import datetime

import pytest

from app.core.errors import PromptTooLong, TemplateFault
from app.runtime.protocol import ChatMessage, TemplateOptions, ToolCall
from app.runtime.worker.templates import ChatTemplate, budget
from tests.helpers.hostile_templates import HOSTILE_TEMPLATES

TALK = (
    ChatMessage("system", "Be brief."),
    ChatMessage("user", "Hello & <b>good</b> day"),
    ChatMessage("assistant", "Ay."),
    ChatMessage("user", "Who art thou?"),
)


def render(template: str | None, *messages: ChatMessage) -> str:
    return ChatTemplate(template).render(messages or TALK, bos_token="<s>", eos_token="</s>")


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
        "{"
        "{ bos_token + '[INST] ' + (system + '\\n\\n' if loop.first else '') + message['content'] + ' [/INST]' }}"
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
        "{% for m in messages %}\n    {% if m.role == 'user' %}\n{{ m.content }}\n    {% endif %}"
        "\n{% endfor %}\n"
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


USE_OF_A_TOOL = (
    ChatMessage("user", "Rain?"),
    ChatMessage(
        "assistant",
        "",
        reasoning="I ask.",
        tool_calls=(ToolCall("weather", '{"place": "Malmö", "days": 2}', "c1"),),
    ),
    ChatMessage("tool", "no", tool_name="weather", tool_call_id="c1"),
)


def test_template_gets_tools_calls_results_and_reasoning_as_transformers_names_them() -> None:
    template = (
        "{% for tool in tools %}{{ tool | tojson }}\n{% endfor %}"
        "{% for m in messages %}{{ m.role }}:{{ m.content }}"
        "{% if m.reasoning_content %}({{ m.reasoning_content }}={{ m.thinking }}){% endif %}"
        "{% for c in m.tool_calls or [] %}[{{ c.type }} {{ c.id }} {{ c.function.name }} "
        "{{ c.function.arguments.place }} "
        "{{ c.function.arguments | tojson }}]{% endfor %}"
        "{% if m.role == 'tool' %}<{{ m.name }} {{ m.tool_call_id }}>{% endif %};{% endfor %}"
    )
    tool = {"type": "function", "function": {"name": "weather", "parameters": {}}}
    prompt = ChatTemplate(template).render(USE_OF_A_TOOL, TemplateOptions(tools=(tool,)))
    assert prompt == (
        '{"type": "function", "function": {"name": "weather", "parameters": {}}}\n'
        "user:Rain?;"
        'assistant:(I ask.=I ask.)[function c1 weather Malmö {"place": "Malmö", "days": 2}];'
        "tool:no<weather c1>;"
    )


@pytest.mark.parametrize(
    "template",
    [
        (
            "{% for m in messages %}{% for c in m.tool_calls or [] %}"
            "{{ 'call ' + c.function.arguments }}{% endfor %}{% endfor %}"
        ),
        (
            "{% for m in messages %}{% for c in m.tool_calls or [] %}call {{ c.function.arguments }}"
            "{% endfor %}{% endfor %}"
        ),
    ],
)
def test_template_that_takes_arguments_of_calls_for_text_gets_them_as_json(template: str) -> None:
    assert ChatTemplate(template).render(USE_OF_A_TOOL) == 'call {"place": "Malmö", "days": 2}'


def test_template_learns_of_thinking_effort_and_other_arguments_only_when_they_are_chosen() -> None:
    template = (
        "{{ enable_thinking is defined }} {{ enable_thinking }} {{ thinking }} "
        "{{ reasoning_effort }} {{ budget }}"
    )
    assert ChatTemplate(template).render(TALK) == "False    "
    options = TemplateOptions(thinking=False, reasoning_effort="high", arguments={"budget": 5})
    assert ChatTemplate(template).render(TALK, options) == "True False False high 5"


def test_marks_of_training_in_a_template_leave_no_trace() -> None:
    template = "{% for m in messages %}{% generation %}\n{{ m.role }}{% endgeneration %}\n;{% endfor %}"
    assert render(template, ChatMessage("user", "a"), ChatMessage("assistant", "b")) == "user;assistant;"


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


GROWING = [
    "{{ 'a' * 3000000000 }}",
    "{{ 3000000000 * 'a' }}",
    "{{ [1] * 3000000000 }}",
    "{% set x = namespace(t='a' * 1000) %}{% for i in range(40) %}{% set x.t = x.t * 1000 %}{% endfor %}",
    "{% set x = namespace(t='aa') %}{% for i in range(40) %}{% set x.t = x.t + x.t %}{% endfor %}",
    "{% set x = namespace(t='aa') %}{% for i in range(40) %}{% set x.t = x.t ~ x.t %}{% endfor %}",
    "{% set x = namespace(t=[1]) %}{% for i in range(40) %}{% set x.t = x.t + x.t %}{% endfor %}",
    "{% set x = namespace(t=7) %}{% for i in range(60) %}{% set x.t = x.t * x.t %}{% endfor %}",
    "{{ 10 ** (10 ** 10) }}",
    "{{ (-2) ** 99999999999 }}",
    "{{ '%3000000000d' % 1 }}",
    "{{ '%.3000000000f' % 1 }}",
    "{{ '%*d' % (3000000000, 1) }}",
    "{{ '%3000000000d' | format(1) }}",
    "{{ '%*d' | format(3000000000, 1) }}",
    "{{ '{:3000000000}'.format(1) }}",
    "{{ '{:{}}'.format(1, '3000000000') }}",
    "{{ '{:{w}}'.format_map({'w': 3000000000}) }}",
    "{{ 'a'.center(3000000000) }}",
    "{{ 'a'.ljust(width=3000000000) }}",
    "{{ 'a'.rjust(3000000000) }}",
    "{{ 'a'.zfill(3000000000) }}",
    "{{ '\\t'.expandtabs(2000000000) }}",
    "{{ (5).to_bytes(3000000000, 'big') }}",
    "{{ ('a' * 1000000).replace('a', 'a' * 1000000) }}",
    "{{ ('a' * 1000000).join('a' * 1000000) }}",
    "{{ 'a' | center(3000000000) }}",
    "{{ 'a' | indent(3000000000, true) }}",
    "{{ ['a'] | batch(3000000000, 'b') | list }}",
    "{{ ['a'] | slice(3000000000) | list }}",
    "{{ 1 | round(999999999, 'ceil') }}",
    "{{ ['a'] | map('center', 3000000000) | list }}",
    "{{ ('a' * 1000000) | replace('a', 'a' * 1000000) }}",
    "{{ range(99999) | join('a' * 1000000) }}",
    "{{ [1, 2] | tojson(indent=3000000000) }}",
    "{{ lipsum(100000000) }}",
    "{% set x = 'a' * 1000000 %}{% for i in range(99999) %}{{ x }}{% endfor %}",
    "{% set x = 'a' * 1000000 %}{% set y %}{% for i in range(99999) %}{{ x }}{% endfor %}{% endset %}{{ y }}",
]


@pytest.mark.parametrize("template", GROWING)
def test_template_that_builds_too_much_is_refused_at_once(template: str) -> None:
    start = time.monotonic()
    with pytest.raises(TemplateFault, match="chat template") as caught:
        render(template)
    assert caught.value.hint
    assert time.monotonic() - start < 5.0


@pytest.mark.skipif(os.name == "nt", reason="resource is POSIX's")
def test_templates_that_build_too_much_take_little_memory() -> None:
    code = (
        "import resource, sys\n"
        "from app.core.errors import TemplateFault\n"
        "from app.runtime.worker.templates import ChatTemplate\n"
        "def peak():\n"
        " "
        "   return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1 if sys.platform == 'linux' else 1024)\n"
        "ChatTemplate(None).render(())\n"
        "before, limits = peak(), resource.getrlimit(resource.RLIMIT_AS)\n"
        "for template in sys.argv[1:]:\n"
        "    try:\n"
        "        ChatTemplate(template).render(())\n"
        "    except TemplateFault:\n"
        "        assert peak() - before < 100_000, (template, peak() - before)\n"
        "    else:\n"
        "        raise AssertionError(template)\n"
        "assert resource.getrlimit(resource.RLIMIT_AS) == limits\n"
    )
    done = subprocess.run([sys.executable, "-c", code, *GROWING], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps to a limit on the address space")
def test_template_that_hoards_small_steps_meets_the_memory_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "MADE_AT_MOST", 10**9)
    monkeypatch.setattr(budget, "TIME_S", 60.0)
    hoard = "".join(f"{{% set v{i} = 'a' * 249999 %}}" for i in range(5000))
    with pytest.raises(TemplateFault, match="too much memory"):
        render(hoard)
    assert render("{{ 'still here' }}") == "still here"


@pytest.mark.parametrize("name", HOSTILE_TEMPLATES)
def test_template_that_means_harm_is_stopped(name: str) -> None:
    start = time.thread_time()
    with pytest.raises(TemplateFault, match="chat template") as caught:
        render(HOSTILE_TEMPLATES[name])
    assert caught.value.hint
    # What it is meant to take is a thirtieth of that, and measured by bench_templates.
    assert time.thread_time() - start < 5.0


def test_long_conversation_is_rendered_by_a_template_that_looks_back_for_each_turn() -> None:
    template = (
        "{% set ns = namespace(text='') %}{% for m in messages %}"
        "{% for e in messages[: loop.index0] %}{% endfor %}"
        "{% set ns.text = ns.text ~ m.content %}{% endfor %}{{ ns.text }}"
    )
    turns = [ChatMessage(("user", "assistant")[i % 2], f"{i} words " * 80) for i in range(601)]
    assert render(template, *turns) == "".join(turn.content for turn in turns)


def test_template_is_compiled_once_and_has_its_whole_budget_each_time() -> None:
    template = ChatTemplate(
        "{% for i in range(9999) %}{% set x = i + 1 %}{% endfor %}{{ messages[0].content }}"
    )
    for turn in range(20):  # together more than one render may take
        assert template.render([ChatMessage("user", str(turn))]) == str(turn)


def test_template_with_ordinary_operators_filters_and_formats_is_rendered_as_ever() -> None:
    template = (
        "{{ '-' * 3 + '=' ~ 2 * 3 }} {{ [1] + [2] }} {{ 7 % 4 }} {{ 2 ** 5 }} {{ '%5.1f|%s' % (2.25, 'x') }} "
        "{{ '{:>4}|{n}'.format('a', n=1700000000) }} {{ 'ab' | center(6) }}| {{ 1700000000 | string }} "
        "{{ missing | default(1700000000) }} {{ ['a', 'b'] | join(', ') }} {{ 'aXb' | replace('X', '-') }} "
        "{{ 'aXbX'.replace('X', '-', 1) }} {{ '%03d' | format(7) }} "
        "{{ messages | map(attribute='role') | join('/') }}"
        "{{ [{'n': 1}] | join(attribute='n') }} {{ '-'.join(['a', 'b']) }} {{ '{x}'.format_map({'x': 1}) }}"
    )
    assert render(template, ChatMessage("user", "a"), ChatMessage("assistant", "b")) == (
        "---=6 [1, 2] 3 32   2.2|x    a|1700000000   ab  | 1700000000 1700000000 a, b a-b a-bX 007 "
        "user/assistant1 a-b 1"
    )


def test_conversation_of_millions_of_characters_is_too_long_and_not_the_template_s_fault() -> None:
    assert len(render(None, ChatMessage("user", "a" * 4_000_000))) > 4_000_000
    with pytest.raises(PromptTooLong, match="12,000,000"):
        render(None, ChatMessage("user", "a" * 12_000_000))


def test_message_that_looks_like_a_template_stays_text() -> None:
    assert "{{ 7 * 7 }}" in render(None, ChatMessage("user", "{{ 7 * 7 }}"))
