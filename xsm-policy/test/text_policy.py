#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Compiles a policy's text, with the core's classes and initial SIDs before it:
text_policy.py INPUT VERSION OUTPUT [mls] [-CLASS:PERMISSION | +CLASS:PERMISSION …]

-… and +… make a policy that lacks a permission of the core, or has one that the core does not know;
unknown=deny|allow|reject says what it says of those that it lacks."""
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), '..'))
import generate  # noqa: E402


def main():
    source, version, output, *more = sys.argv[1:]
    here = os.path.dirname(os.path.realpath(__file__))
    classes, sids = generate.parse(os.path.join(here, '..', 'access_vectors'))
    unknown = 'deny'
    for word in more:
        if word.startswith('unknown='):
            unknown = word[8:]
        if word[0] not in '+-':
            continue
        name, _, perm = word[1:].partition(':')
        c = next(c for c in classes if c.name == name)
        if word[0] == '+':
            c.permissions.append(generate.Permission(perm, 'none', [], ''))
        else:
            c.permissions = [p for p in c.permissions if p.name != perm]
    lines = []
    for make in (generate.class_file, generate.sid_file, generate.vector_file):
        make(classes, sids, lines.append)
    with open(source, encoding='utf-8') as f:
        lines.append(f.read())
    with tempfile.TemporaryDirectory() as folder:
        conf = os.path.join(folder, 'policy.conf')
        with open(conf, 'w', encoding='utf-8') as f:
            f.write('\n'.join(lines))
        command = ['checkpolicy', '-t', 'Xen', '-c', version, '-U', unknown, '-o', output, conf]
        r = subprocess.run(command + (['-M'] if 'mls' in more else []), capture_output=True,
                           text=True, check=False)
    if r.returncode:
        sys.exit(r.stderr)


if __name__ == '__main__':
    main()
