# SPDX-License-Identifier: GPL-2.0
"""dpctl and ovs-dpctl side by side."""

import re
import subprocess

from lib.ktap import equal

OURS, THEIRS = "dpctl", "ovs-dpctl"


def call(program, *args, text=None):
    """The exit status, the output and the errors of a program."""
    done = subprocess.run([program, *args], input=text, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


def errors(text):
    """Errors without the program's name, lines of a log, and what our module says besides."""
    lines = [line for line in text.splitlines() if not re.match(r"[0-9T:.-]+Z\|[0-9]+\||\[[A-Z]+ +dpctl", line)]
    lines = [re.sub(r"^(ovs-)?dpctl: ", "", line) for line in lines]
    return [re.sub(r"(\([A-Z][A-Za-z ]*\)): .*", r"\1", line) for line in lines]


def answer(program, *args, steady=lambda text: text):
    code, out, err = call(program, *args)
    return code, sorted(steady(out).splitlines()), errors(err)


def same(*args, steady=lambda text: text):
    """Both programs say the same, and this is what. `steady` makes output the same each time."""
    theirs, ours = (answer(program, *args, steady=steady) for program in (THEIRS, OURS))
    equal(ours, theirs, " ".join(("dpctl", *args)))
    return theirs
