"""The figures of an answer that was written in several goes."""

from __future__ import annotations

import msgspec

from app.runtime.protocol import GenerationStatistics


def continued(before: GenerationStatistics | None, after: GenerationStatistics) -> GenerationStatistics:
    """Those of the whole answer: `after` are of the part that follows on the one that `before` are of.

    None where the first part was cut off before there were any: then speeds are those of what followed.
    """
    tokens = after.continued_tokens + after.tokens
    whole = msgspec.structs.replace(
        after, tokens=tokens, prompt_tokens=after.prompt_tokens - after.continued_tokens, continued_tokens=0
    )
    if before is None:
        return whole
    return msgspec.structs.replace(
        whole,
        prompt_tokens=before.prompt_tokens,
        evaluated_tokens=before.evaluated_tokens + after.evaluated_tokens,
        prompt_s=before.prompt_s + after.prompt_s,
        prompt_tokens_per_s=before.prompt_tokens_per_s or after.prompt_tokens_per_s,
        time_to_first_token_s=before.time_to_first_token_s,
        tokens_per_s=_rate(before, after),
    )


def _rate(before: GenerationStatistics, after: GenerationStatistics) -> float:
    """Of both together, by the time that each took."""
    parts = [each for each in (before, after) if each.tokens and each.tokens_per_s > 0]
    seconds = sum(each.tokens / each.tokens_per_s for each in parts)
    return sum(each.tokens for each in parts) / seconds if seconds > 0 else 0.0
