#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Makes a policy in which everything is allowed, and a boolean deny_CLASS_PERMISSION takes away
each permission: matrix_policy.py OUTPUT. For tests/guests/policy."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), '..'))
import generate  # noqa: E402
import random_policy  # noqa: E402


def main():
    here = os.path.dirname(os.path.realpath(__file__))
    classes, sids = generate.parse(os.path.join(here, '..', 'access_vectors'))
    lines = []
    for make in (generate.class_file, generate.sid_file, generate.vector_file):
        make(classes, sids, lines.append)
    out = lines.append
    out('attribute any;')
    types = {s: f'{s}_t' for s in sids}
    for t in list(types.values()) + ['other_t']:
        out(f'type {t}, any;')
    out('role system_r; role system_r types any; role object_r;')
    for c in classes:
        for p in c.permissions:
            out(f'bool deny_{c.name}_{p.name} false;')
            out(f'if (!deny_{c.name}_{p.name}) {{ allow any any:{c.name} {p.name}; }}')
    out('user system_u roles { system_r };')
    for s in sids:
        out(f'sid {s} system_u:system_r:{types[s]}')
    random_policy.compile_to('\n'.join(lines) + '\n', '30', False, sys.argv[1])


if __name__ == '__main__':
    main()
