"""Examples below the help of a command."""


def examples(*lines: str) -> str:
    """Return an epilog for click with each line as it is to be typed."""
    return "\b\n" + "\n  ".join(["Examples:" if len(lines) > 1 else "Example:", *lines])
