#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""REQ flask/3: decisions of the core's security server against those of checkpolicy's debug mode,
on random (source, target, class) triples: compare.py TOOL POLICY TRIPLES SEED [SHIPPED.policy]

POLICY is "shipped" (then the binary is given), "plain" or "mls": made at random from SEED."""
import os
import random
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, HERE)
import random_policy  # noqa: E402


def run(command, text=None):
    r = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if r.returncode and command[0] != 'checkpolicy':
        sys.exit(f'{command}: {r.stderr}')
    return r.stdout


class Oracle:
    """checkpolicy -d: asked by menu, all questions in one go."""

    def __init__(self, policy, mls):
        self.command = ['checkpolicy', '-d', '-b', policy, '-t', 'Xen'] + (['-M'] if mls else [])

    def ask(self, flips, triples):
        contexts = sorted({c for s, t, _ in triples for c in (s, t)})
        text = ''.join(f'h\n{name}\n{value}\n' for name, value in flips)
        text += ''.join(f'2\n{c}\n' for c in contexts)
        first = run(self.command, text + 'q\n')
        sids = [int(m) for m in re.findall(r'^sid (\d+)', first, re.M)]
        if len(sids) != len(contexts):
            sys.exit(f'checkpolicy knows {len(sids)} of {len(contexts)} contexts:\n{first[-600:]}')
        number = dict(zip(contexts, sids))
        text += ''.join(f'0\n{number[s]}\n{number[t]}\n{c}\n' for s, t, c in triples)
        return re.findall(r'allowed \{([^}]*)\}', run(self.command, text + 'q\n'))


def contexts_of(writer, tool, policy, mls):
    if writer is None:
        info = run([tool, policy, 'labels']).split()
        types = run(['seinfo', '-t', '--flat', policy]).split()
        out = set(info)
        for t in types:
            for role in ('system_r', 'object_r'):
                out.add(f'system_u:{role}:{t}')
        return sorted(out)
    return sorted({writer.context(t) for t in writer.types for _ in range(6)})


def usable(tool, policy, contexts):
    """Those that the policy takes."""
    good = []
    for c in contexts:
        r = subprocess.run([tool, policy, 'query', c, c, 'domain'], capture_output=True, check=False)
        if r.returncode == 0:
            good.append(c)
    return good


def main():
    tool, kind, count, seed = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    mls, writer = kind == 'mls', None
    with tempfile.TemporaryDirectory() as folder:
        policy = sys.argv[5] if kind == 'shipped' else os.path.join(folder, 'policy')
        if kind != 'shipped':
            writer = random_policy.Writer(seed, mls)
            random_policy.compile_to(writer.write(), '30', mls, policy)
        rand = random.Random(seed)
        contexts = usable(tool, policy, contexts_of(writer, tool, policy, mls))
        classes = [c.name for c in random_policy.generate.parse(
            os.path.join(HERE, '..', 'access_vectors'))[0]]
        booleans = run([tool, policy, 'booleans']).split()
        total, wrong, nonempty = 0, 0, 0
        for half in range(2):
            flips = [(b.split('=')[0], rand.randrange(2)) for b in booleans] if half else []
            triples = [(rand.choice(contexts), rand.choice(contexts), rand.choice(classes))
                       for _ in range(count // 2)]
            theirs = Oracle(policy, mls).ask(flips, triples)
            args = [a for n, v in flips for a in ('--boolean', f'{n}={v}')]
            ours = run([tool, policy] + args + ['decide'],
                       ''.join(f'{s} {t} {c}\n' for s, t, c in triples)).splitlines()
            if len(theirs) != len(triples) or len(ours) != len(triples):
                sys.exit(f'answers: {len(theirs)} and {len(ours)} of {len(triples)}')
            for triple, a, b in zip(triples, theirs, ours):
                total += 1
                a, b = set(a.split()), set(b.strip('{} ').split())
                nonempty += bool(a)
                if a != b:
                    wrong += 1
                    print(f'{triple}: checkpolicy {sorted(a)}, ours {sorted(b)}')
    print(f'{kind}: {total} triples of {len(contexts)} contexts, {nonempty} with permissions, '
          f'{wrong} differ')
    if wrong or not nonempty:
        sys.exit(1)


if __name__ == '__main__':
    main()
