"""Templates that mean harm, by what they do; none may be rendered, and none may take long to refuse."""

from __future__ import annotations


def _nested(levels: int) -> str:
    return "{% for a in range(9999) %}" * levels + "{% endfor %}" * levels


HOSTILE_TEMPLATES: dict[str, str] = {
    "loops in loops": _nested(4),
    "loops with an empty condition": (
        "{% for i in range(99999) %}{% for j in range(99999) if j < 0 %}{% endfor %}{% endfor %}"
    ),
    "loop over characters": (
        "{% set t = 'a' * 240000 %}{% for a in t %}{% for b in t %}{{ '' }}{% endfor %}{% endfor %}"
    ),
    "macro that calls itself twice": (
        "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}"
    ),
    "macro without end": "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "block that calls itself": "{% block a %}{{ self.a() }}{{ self.a() }}{% endblock %}",
    "recursive loop": "{% for a in [[1, 2]] recursive %}{{ loop([[1], [2]]) }}{{ loop([[1]]) }}{% endfor %}",
    "list that doubles inside": (
        "{% set n = namespace(x=[1]) %}{% for i in range(60) %}{% set n.x = [n.x, n.x] %}{% endfor %}{{ n.x }}"
    ),
    "tuple of arguments that doubles": (
        "{% macro f(n) %}{% if n %}{{ f(n - 1, varargs, varargs) }}{% else %}{{ varargs }}"
        "{% endif %}{% endmacro %}{{ f(90, 1) }}"
    ),
    "two of them compared": (
        "{% set n = namespace(x=[1], y=[1]) %}{% for i in range(60) %}{% set n.x = [n.x, n.x] %}"
        "{% set n.y = [n.y, n.y] %}{% endfor %}{{ n.x == n.y }}"
    ),
    "dictionary that doubles": (
        "{% set n = namespace(x={}) %}{% for i in range(60) %}{% set n.x = dict(a=n.x, b=n.x) %}"
        "{% endfor %}{{ n.x | tojson }}"
    ),
    "namespaces in namespaces": (
        "{% set n = namespace(x=1) %}{% for i in range(99) %}{% set m = namespace(x=[n, n]) %}"
        "{% set n.x = [m, m] %}"
        "{% endfor %}{{ n }}"
    ),
    "text that doubles": (
        "{% set n = namespace(x='aa') %}{% for i in range(60) %}{% set n.x = n.x ~ n.x %}{% endfor %}"
    ),
    "number that grows": (
        "{% set n = namespace(x=7) %}{% for i in range(60) %}{% set n.x = n.x * n.x %}{% endfor %}"
    ),
    "division of long numbers": (
        "{% set x = 7 ** 5000 %}{% for i in range(99999) %}{% for j in range(99999) %}"
        "{% set y = x // 3 %}{% endfor %}{% endfor %}"
    ),
    "hexadecimal number": "{{ 0x" + "f" * 150_000 + " // 0x" + "e" * 40_000 + " }}",
    "number from bytes": "{{ (5).from_bytes(('a' * 240000).encode(), 'big') * 7 }}",
    "sum of lists": "{{ ([[0]] * 200000) | sum(start=[]) | length }}",
    "sum of texts in lists": (
        "{{ ([['a' * 1000]] * 900) | sum(start=[]) | join | length }}{% for i in range(99999) %}"
        "{{ 'a' * 999 }}{% endfor %}"
    ),
    "sort of many": "{{ range(99999) | sort | sort | sort | sort | list | length }}",
    "sort of long texts": "{{ (['a' * 240000] * 99999) | sort | length }}",
    "map over and over": (
        "{% for i in range(999) %}{{ range(99999) | map('string') | map('upper') | list | length }}"
        "{% endfor %}"
    ),
    "search with two loops": (
        "{% for i in range(99) %}{{ ('a' * 240000).rfind('a' ~ 'b' ~ 'a' * 100000) }}{% endfor %}"
    ),
    "strip with a long set": "{{ ('a' * 240000).strip('b' * 240000 ~ 'a') }}",
    "slow codec": "{{ ('ü' * 240000).encode('punycode') | length }}",
    "format with many fields": "{% for i in range(99) %}{{ ('{0}' * 80000).format('') }}{% endfor %}",
    "format that repeats": "{{ ('%(a)s' * 100000) % {'a': 'a' * 240000} }}",
    "tabs": "{{ ('\\t' * 240000).expandtabs(240000) }}",
    "indent": "{{ ('\\n' * 240000) | indent(240000, blank=true) }}",
    "json with wide indent": "{{ [[[[[1]]]]] | tojson(indent='a' * 240000) }}",
    "json of much": "{% for i in range(999) %}{{ (range(99999) | list) | tojson(indent=1) }}{% endfor %}",
    "words of a long text": "{{ ('a b ' * 200000) | title | wordcount }}",
    "regular expression": "{{ ('<' * 240000) | striptags }}",
    "date": "{{ strftime_now('%c' * 400000) }}",
    "hoard of texts": "".join(f"{{% set v{i} = 'a' * 240000 %}}" for i in range(4000)),
    "hoard in a loop": (
        "{% set n = namespace(t=[]) %}{% for i in range(999) %}{% set n.t = [n.t, 'a' * 240000] %}"
        "{% endfor %}"
    ),
    "much output": "{% set x = 'a' * 240000 %}{% for i in range(99999) %}{{ x }}{% endfor %}",
    "many comparisons in a row": "{% set x = range(99999) | list %}{% set y = range(99999) | list %}"
    + "{{ x == y }}" * 9000,
    "many slices in a row": "{% set x = 'a' * 240000 %}" + "{% set y = x[1:] %}" * 9000,
    "megabytes of template": "{{ a }}" * 500_000,
    "long template": "{{ a }}" * 25_000,
    "long expression": "{{ " + " + ".join(["a"] * 45_000) + " }}",
    "long list": "{{ [" + ",".join(["1"] * 90_000) + "] }}",
    "many filters": "{{ a" + "|e" * 90_000 + " }}",
    "deep brackets": "{{ " + "(" * 50_000 + "1" + ")" * 50_000 + " }}",
    "deep lists": "{{ " + "[" * 50_000 + "]" * 50_000 + " }}",
    "deep ifs": "{% if a %}" * 8_000 + "{% endif %}" * 8_000,
    "deep loops": "{% for a in [1] %}" * 6_000 + "{% endfor %}" * 6_000,
    "deep negation": "{{ " + "not " * 40_000 + "a }}",
    "open comment": "{#" * 90_000,
    "open blocks": "{%" * 90_000,
    "attributes of Python": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "globals of Python": "{{ cycler.__init__.__globals__.os.system('true') }}",
    "attributes by format": "{{ '{0.__class__.__mro__}'.format('') }}",
}
