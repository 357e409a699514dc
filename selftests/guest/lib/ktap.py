# SPDX-License-Identifier: GPL-2.0
"""Results in KTAP, and cleanup, for tests in Python. See selftests/README.md.

A test file has functions with the decorator `test` and ends with `main()`. Each
function is one result; its name is its docstring. It fails by an exception,
usually by one of the checks here. What was deferred is run at the end, the last
first; what a test function defers by itself, after that function.
"""

import os
import sys
import traceback

# Whether the module under test is ours. It has a version; the kernel's has none.
RUST = False

_tests = []
_deferred = []


class Failure(Exception):
    """What a check found."""


class Skip(Exception):
    """This cannot be tested here; the reason."""


def test(function):
    """Decorator: a test, named by its docstring."""
    _tests.append((" ".join(function.__doc__.split()), function, ()))
    return function


def add(name, function, *args):
    """A test, one of a table."""
    _tests.append((name, function, args))


def defer(function, *args):
    """Runs a function at the end of the test function, or of the file."""
    _deferred.append((function, args))


def forget():
    """Drops what was deferred."""
    _deferred.clear()


def find_module():
    """Learns which module is loaded."""
    global RUST
    RUST = os.path.exists("/sys/module/openvswitch/version")
    return RUST


def equal(got, wanted, what="result"):
    if got != wanted:
        got, wanted = show(got), show(wanted)
        same = len(os.path.commonprefix((got, wanted))) - SHOWN // 2
        raise Failure(f"{what}: got {excerpt(got, same)}, wanted {excerpt(wanted, same)}")


def true(condition, what):
    if not condition:
        raise Failure(what)


# How much of a long value is shown, from before the difference on.
SHOWN = 600


def excerpt(text, start):
    if len(text) <= 2 * SHOWN:
        return text
    start = max(0, start)
    return f"[{start}:] {text[start : start + SHOWN]}"


def show(value):
    return value.hex() if isinstance(value, bytes) else repr(value)


def diag(text):
    for line in text.rstrip().split("\n"):
        print("#", line)


def pending():
    """How much was deferred so far."""
    return len(_deferred)


def cleanup(down_to=0):
    """Does what was deferred."""
    while len(_deferred) > down_to:
        function, args = _deferred.pop()
        try:
            function(*args)
        except Exception as error:  # pylint: disable=broad-except
            diag(f"cleanup: {error}")


def main(setup=None):
    """Runs the tests. `setup` may defer its own undoing."""
    failed = 0
    sys.stdout.reconfigure(line_buffering=True)
    print(f"1..{len(_tests)}")
    try:
        if setup:
            setup()
        for number, (name, function, args) in enumerate(_tests, 1):
            before = len(_deferred)
            try:
                function(*args)
                print(f"ok {number} {name}")
            except Skip as reason:
                print(f"ok {number} {name} # SKIP {reason}")
            except Exception as error:  # pylint: disable=broad-except
                failed += 1
                where = traceback.extract_tb(error.__traceback__)[1:]
                lines = ", ".join(f"{os.path.basename(f.filename)}:{f.lineno}" for f in where)
                kind = "" if isinstance(error, Failure) else f"{type(error).__name__}: "
                diag(f"{kind}{error} (at {lines})")
                print(f"not ok {number} {name}")
            cleanup(before)
    finally:
        cleanup()
    sys.exit(1 if failed else 0)
