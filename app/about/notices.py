"""Notices: what is told of a component, as plain text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from app.about.component import Component, Inside

RULE = "=" * 80


def notices_of(component: Component) -> str:
    """Of one: what it is, what has to be said, what is compiled into it, and the texts of all licences in it."""
    return "\n\n".join(_paragraphs(component)) + "\n"


def all_notices(listed: Iterable[Component]) -> str:
    """Of the whole program, as a text to lay beside it."""
    intro = "Nibble stands on the work of others. This is all that comes with it, with its licences."
    return "\n\n".join([intro, *(f"{RULE}\n{notices_of(each)}" for each in listed)])


def _paragraphs(component: Component) -> Iterator[str]:
    yield f"{component.name} {component.version}".rstrip()
    facts = [component.copyright, f"Licence: {component.licence or 'see below'}", component.homepage]
    yield "\n".join(fact for fact in facts if fact)
    if component.notice:
        yield component.notice
    if component.inside:
        yield "\n".join(["In it:", *(f"- {_line(each)}" for each in component.inside)])
    for text in component.texts:
        yield f"--- {text.title} ---\n\n{text.text.strip()}"
    if not component.texts:
        yield "It brings no text of its licence."


def _line(inside: Inside) -> str:
    named = f"{inside.name} {inside.version}".rstrip()
    return ", ".join(fact for fact in (named, inside.licence, inside.copyright) if fact)
