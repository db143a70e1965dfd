# SPDX-License-Identifier: BSD-2-Clause
"""
What the core's log says of the policy: every run of our core must show no denial but those that its
test declares, and the whole suite must use every rule of the shipped policy.

A test declares what it provokes in its head, a line for each: `# DENIED: SOURCE TARGET:CLASS PERM...`
(in C ` * DENIED:`; in Python it gives the same strings to scenario.dom0() or scenario.saw()). All
words may have wildcards. A permission that is declared and not denied fails the test as well, but for
`# MAY BE DENIED:` ("? " before the string), for tests that do things at random.
"""

import fnmatch
import re
import subprocess
import threading

from launcher.paths import BUILD, ROOT

from .report import Failure

POLICY = BUILD / "xsm-policy" / "bulkhead.policy"
UNUSED = ROOT / "xsm-policy" / "unused.txt"
# The core then logs each right of a rule that is used.
CMDLINE = "flask=enforcing,uses"

_DENIED = re.compile(r"FLASK: avc:  denied  \{ (\w+) \}.* scontext=\w+:\w+:(\w+)\S* "
                     r"tcontext=\w+:\w+:(\w+)\S* tclass=(\w+)")
# Other things that a system whose labels are right never makes the core say.
_WRONG = re.compile(r"FLASK: (?:too many different denials|no valid label|validatetrans forbids|"
                    r"there are more than|a rule allows|the policy lacks).*")
_USED = re.compile(r"FLASK: used: allow .*;")

_uses = set()
_lock = threading.Lock()


def declared(text):
    """The declarations in the head of a script or kernel."""
    return [("? " if may else "") + rest for may, rest in
            re.findall(r"^(?:#| \*) (MAY BE )?DENIED: *(.*\S)", text, re.M)]


def without_uses(console):
    """CONSOLE without those lines, which come in the middle of others."""
    return re.sub(r"\(core\) FLASK: used: [^\n]*\n", "", console)


def _parse(declaration):
    source, rest, *perms = declaration.split()
    target, _, tclass = rest.partition(":")
    if not tclass or not perms:
        raise Failure(f"not a declaration of denials: {declaration}")
    return source, target, tclass, perms


def _matches(declaration, denial):
    source, target, tclass, perms = declaration
    return (fnmatch.fnmatch(denial[0], source) and fnmatch.fnmatch(denial[1], target) and
            fnmatch.fnmatch(denial[2], tclass) and
            any(fnmatch.fnmatch(denial[3], perm) for perm in perms))


def check_console(console, allowed=()):
    """Fails when CONSOLE has a denial that ALLOWED does not declare, or lacks one that it does."""
    if isinstance(console, bytes):
        console = console.decode(errors="replace")
    with _lock:
        _uses.update(_USED.findall(console))
    denials = {(source, target, tclass, perm)
               for perm, source, target, tclass in _DENIED.findall(console)}
    known = [_parse(declaration.removeprefix("? ")) for declaration in allowed]
    bad = sorted(denial for denial in denials
                 if not any(_matches(declaration, denial) for declaration in known))
    if bad:
        raise Failure("denied, and the test does not say that it provokes it: " + "; ".join(
            f"{source} {target}:{tclass} {perm}" for source, target, tclass, perm in bad), console)
    for source, target, tclass, perms in (_parse(text) for text in allowed if text[0] != "?"):
        for perm in perms:
            if not any(_matches((source, target, tclass, [perm]), denial) for denial in denials):
                raise Failure(f"the test says that it provokes {source} {target}:{tclass} {perm}: "
                              "nothing like it was denied", console)
    if not allowed:
        wrong = _WRONG.search(console)
        if wrong:
            raise Failure(wrong.group(0), console)


def _excuses():
    """[(declaration, reason)] of xsm-policy/unused.txt; a reason holds for the lines below it."""
    rows, reason = [], ""
    for line in UNUSED.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            reason = line[1:].strip()
        elif line.strip():
            rows.append((_parse(line), line))
            if not reason:
                raise Failure(f"{UNUSED.name}: no reason above {line}")
    return rows


def _unused(uses):
    """{(source, target, class, permission)} that no use has needed."""
    done = subprocess.run([BUILD / "xsm-policy" / "bulkhead-policy", POLICY, "unused"],
                          input="\n".join(sorted(uses)) + "\n", stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise Failure("bulkhead-policy fails", done.stdout)
    found = re.findall(r"^allow (\w+) (\w+):(\w+) \{([^}]*)\};", done.stdout, re.M)
    return {(source, target, tclass, perm) for source, target, tclass, perms in found
            for perm in perms.split()}, done.stdout.strip().split("\n")[-1]


def used_rules(whole):
    """
    Prints the rights that the shipped policy gives and no run has used; fails on any that is not
    in xsm-policy/unused.txt. WHOLE: the runs of this check; else what the build's logs have.
    """
    uses = set(_uses)
    if not whole:
        for log in (BUILD / "log").glob("*bulkhead*.log"):
            uses.update(_USED.findall(log.read_text(errors="replace")))
    if not uses:
        raise Failure("no run has said what it used")
    unused, last = _unused(uses)
    excuses = _excuses()
    bad = sorted(rule for rule in unused if not any(_matches(row, rule) for row, _ in excuses))
    for row, text in excuses:
        if not any(_matches(row, rule) for rule in unused):
            print(f"    used now, or gone: {text}")
    if bad:
        grouped = {}
        for source, target, tclass, perm in bad:
            grouped.setdefault((source, target, tclass), []).append(perm)
        raise Failure("rules that no test uses and xsm-policy/unused.txt does not excuse:\n" +
                      "\n".join(f"    allow {s} {t}:{c} {{ {' '.join(p)} }};"
                                for (s, t, c), p in sorted(grouped.items())))
    return f"{last[2:]}; all of these have a reason in xsm-policy/unused.txt"
