"""A Korean particle stands right after the code that it belongs to, without a space."""

import re

_PARTICLES = (
    "은 는 이 가 을 를 의 에 에서 에서는 에서도 에서만 에는 에도 에만 에게 에게는 로 로는 "
    "로도 로만 으로 으로는 으로도 으로만 와 과 와는 과는 도 만 만은 나 이나 부터 까지 "
    "까지는 처럼 보다 마다 다 이다 라 이라 라는 이라는 라고 이라고 라도 이라도 라면 "
    "이라면 인 인데 면 이면 고 이고 며 이며 여도 이어도 여야 이어야 였다 이었다 지만 "
    "이지만 뿐 밖에 대로 로서 으로서 로부터 으로부터 이므로 므로 일"
)
# Read from the left, so that what stands between two pieces of code is never taken for one.
_CODE = re.compile(
    r"(?<!`)(?P<ticks>`+)(?!`)(?:(?!\n\n).)+?(?<!`)(?P=ticks)(?!`)"
    rf"(?P<detached> (?:{'|'.join(_PARTICLES.split())})(?![가-힣\w]))?",
    re.DOTALL,
)
# Directives, ```{name}, hold prose.
_CODE_BLOCK = re.compile(r"^(`{3,})(?!\{)[^\n]*\n.*?^\1[ \t]*$", re.DOTALL | re.MULTILINE)


def detached(markdown: str) -> list[str]:
    """Code and its particle as they stand in the text, where a space separates them."""
    prose = _CODE_BLOCK.sub("", markdown)
    return [found.group() for found in _CODE.finditer(prose) if found["detached"]]
