"""Conversations as one HTML page that needs nothing else: no script, nothing from anywhere, light and dark, on paper.

All texts are hostile: see `html_text`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from app.chat.export.exported import Exported, author, remarks, when
from app.chat.export.html_text import page_begin, plain, rendered
from app.chat.records import Message
from app.chat.tool_calls import name_of, readable_arguments
from app.runtime import ToolCall

_STYLE = """
body { margin: 0 auto; max-width: 46rem; padding: 2rem 1.25rem; background: var(--back); color: var(--text);
  font: 16px/1.6 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.3; margin: 0 0 .25rem; }
header, .remark { color: var(--soft); font-size: .9rem; }
section + section { margin-top: 3rem; border-top: 1px solid var(--line); padding-top: 2rem; }
article { margin: 1.5rem 0; unicode-bidi: isolate; }
article > h2 { font-size: .9rem; margin: 0 0 .25rem; color: var(--soft); }
.user { background: var(--fill); border-radius: .75rem; padding: .75rem 1rem; }
.plain { white-space: pre-wrap; unicode-bidi: plaintext; }
.text > * { unicode-bidi: isolate; }
pre { background: var(--fill); border-radius: .5rem; padding: .75rem 1rem; overflow-x: auto; white-space: pre-wrap; }
code { font: .9em ui-monospace, monospace; }
table { border-collapse: collapse; display: block; overflow-x: auto; }
th, td { border: 1px solid var(--line); padding: .25rem .6rem; }
blockquote, details { border-left: 3px solid var(--line); margin: 1rem 0; padding-left: 1rem; color: var(--soft); }
@media print {
  body { max-width: none; padding: 0; font-size: 11pt; }
  section + section { break-before: page; border: 0; margin: 0; padding: 0; }
  h1, h2 { break-after: avoid; }
}
"""


def write(conversations: Iterable[Exported]) -> Iterator[str]:
    yield page_begin("Conversations", _STYLE)
    for each in conversations:
        yield from _conversation(each)
    yield "</body>\n</html>\n"


def _conversation(exported: Exported) -> Iterator[str]:
    conversation = exported.conversation
    yield f'<section>\n<h1 dir="auto">{plain(exported.title)}</h1>\n'
    yield f"<header>{plain(when(conversation.created_at))}</header>\n"
    if conversation.system_prompt.strip():
        yield _article(
            "system", "System prompt", f'<div class="plain">{plain(conversation.system_prompt)}</div>'
        )
    for message in exported.shown:
        yield _message(message)
    yield "</section>\n"


def _message(message: Message) -> str:
    parts = []
    if message.reasoning.strip():
        thought = plain(message.reasoning)
        parts.append(f'<details><summary>Reasoning</summary><div class="plain">{thought}</div></details>')
    if message.role == "user":
        parts.append(f'<div class="plain">{plain(message.text)}</div>')
    elif message.text.strip():
        parts.append(f'<div class="text" dir="auto">{rendered(message.text)}</div>')
    parts += [_call(call) for call in message.tool_calls]
    parts += [f'<p class="remark">{plain(remark)}</p>' for remark in remarks(message)]
    return _article("user" if message.role == "user" else "model", author(message), "\n".join(parts))


def _call(call: ToolCall) -> str:
    summary = f"Asks for the tool {plain(name_of(call))}"
    arguments = plain(readable_arguments(call))
    return f'<details><summary>{summary}</summary><pre class="plain">{arguments}</pre></details>'


def _article(kind: str, name: str, content: str) -> str:
    return f'<article class="{kind}">\n<h2 dir="auto">{plain(name)}</h2>\n{content}\n</article>\n'
