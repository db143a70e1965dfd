#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes a random policy in source form, with attributes, constraints, booleans and, when asked,
MLS: random_policy.py SEED [mls] > policy.conf; or compiles it, to version 24 or 30:
random_policy.py SEED VERSION [mls] OUTPUT. For tests against checkpolicy's own decisions."""
import os
import random
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), '..'))
import generate  # noqa: E402

LEVELS, CATEGORIES, TYPES, ATTRIBUTES, BOOLEANS, ROLES = 4, 12, 24, 8, 5, 3


class Writer:
    def __init__(self, seed, mls):
        self.r = random.Random(seed)
        self.mls, self.lines = mls, []
        self.classes, self.sids = generate.parse(
            os.path.join(os.path.dirname(os.path.realpath(__file__)), '..', 'access_vectors'))
        self.types = [f't{i}_t' for i in range(TYPES)]
        self.attributes = [f'a{i}' for i in range(ATTRIBUTES)]
        self.users = ['user0', 'user1', 'user2']

    def out(self, line):
        self.lines.append(line)

    def level(self, sens=None):
        sens = self.r.randrange(LEVELS) if sens is None else sens
        cats = sorted(self.r.sample(range(CATEGORIES), self.r.randrange(5)))
        return sens, cats

    @staticmethod
    def text(level):
        sens, cats = level
        return f's{sens}' + (':' + ','.join(f'c{c}' for c in cats) if cats else '')

    def range(self):
        low = self.level()
        high = (self.r.randrange(low[0], LEVELS),
                sorted(set(low[1]) | set(self.r.sample(range(CATEGORIES), self.r.randrange(4)))))
        return f'{self.text(low)}-{self.text(high)}'

    def perms(self):
        c = self.r.choice(self.classes)
        names = [p.name for p in c.permissions]
        return c.name, self.r.sample(names, self.r.randrange(1, min(6, len(names)) + 1))

    def rule(self, kinds):
        c, perms = self.perms()
        what = self.types + self.attributes
        return (f'{self.r.choice(kinds)} {self.r.choice(what)} '
                f'{self.r.choice(what + ["self"])}:{c} {{ {" ".join(perms)} }};')

    def expression(self, depth, early=False):
        """EARLY: where nothing but levels is declared yet."""
        if depth and self.r.random() < .6:
            op = self.r.choice(['and', 'or', 'not'])
            if op == 'not':
                return f'not ({self.expression(depth - 1, early)})'
            return f'(({self.expression(depth - 1, early)}) {op} ({self.expression(depth - 1, early)}))'
        levels = []
        if self.mls:
            a, b = self.r.choice([('l1', 'l2'), ('l1', 'h2'), ('h1', 'l2'), ('h1', 'h2'),
                                  ('l1', 'h1'), ('l2', 'h2')])
            levels = [f'{a} {op} {b}' for op in ('==', '!=', 'dom', 'domby', 'incomp')]
        if early:
            return self.r.choice(levels + ['u1 == u2', 'r1 == r2', 't1 != t2'])
        kinds = ['u1 == u2', 'u1 != u2', 't1 == t2', 't1 != t2', 'r1 == r2', 'r1 dom r2',
                 'r1 domby r2', 'r1 incomp r2', f't1 == {self.r.choice(self.types)}',
                 f't2 != {{ {" ".join(self.r.sample(self.types, 4))} }}',
                 f't1 == {self.r.choice(self.attributes)}', f'u2 == {self.r.choice(self.users)}',
                 f'r1 == role{self.r.randrange(ROLES)}_r']
        return self.r.choice(kinds)

    def write(self):
        for make in (generate.class_file, generate.sid_file, generate.vector_file):
            make(self.classes, self.sids, self.out)
        if self.mls:
            for i in range(LEVELS):
                self.out(f'sensitivity s{i};')
            self.out('dominance { ' + ' '.join(f's{i}' for i in range(LEVELS)) + ' }')
            for i in range(CATEGORIES):
                self.out(f'category c{i};')
            for i in range(LEVELS):
                self.out(f'level s{i}:c0.c{CATEGORIES - 1};')
            for _ in range(15):
                c, perms = self.perms()
                self.out(f'mlsconstrain {c} {{ {" ".join(perms)} }} ({self.expression(2, True)});')
        for a in self.attributes:
            self.out(f'attribute {a};')
        for t in self.types:
            chosen = self.r.sample(self.attributes, self.r.randrange(4))
            self.out(f'type {t}' + ''.join(f', {a}' for a in chosen) + ';')
        self.out('typealias t0_t alias old_t0_t;')
        for i in range(BOOLEANS):
            self.out(f'bool b{i} {self.r.choice(["true", "false"])};')
        for i in range(ROLES):
            self.out(f'role role{i}_r;')
            self.out(f'role role{i}_r types {{ {" ".join(self.types)} }};')
        self.out('role object_r;')
        for _ in range(900):
            self.out(self.rule(['allow', 'allow', 'allow', 'auditallow', 'dontaudit']))
        for _ in range(12):
            a, b = self.r.randrange(BOOLEANS), self.r.randrange(BOOLEANS)
            op = self.r.choice(['&&', '||', '^', '==', '!='])
            self.out(f'if (b{a} {op} !b{b}) {{')
            for _ in range(6):
                self.out(self.rule(['allow', 'auditallow']))
            self.out('} else {')
            for _ in range(3):
                self.out(self.rule(['allow']))
            self.out('}')
        seen = set()
        for _ in range(30):
            s, t = self.r.choice(self.types), self.r.choice(self.types)
            c = self.r.choice(['event', 'domain', 'grant'])
            if (s, t, c) not in seen:
                seen.add((s, t, c))
                self.out(f'type_transition {s} {t}:{c} {self.r.choice(self.types)};')
        self.out('allow role0_r role1_r; allow role1_r role2_r;')
        self.out('role_transition role0_r t3_t:domain role1_r;')
        if self.mls:
            self.out(f'range_transition t1_t t2_t:domain {self.range()};')
        for u in self.users:
            roles = ' '.join(f'role{i}_r' for i in range(ROLES))
            tail = (f' level s0 range s0-s{LEVELS - 1}:c0.c{CATEGORIES - 1}' if self.mls else '')
            self.out(f'user {u} roles {{ {roles} }}{tail};')
        for _ in range(25):
            c, perms = self.perms()
            self.out(f'constrain {c} {{ {" ".join(perms)} }} ({self.expression(3)});')
        for s in self.sids:
            self.out(f'sid {s} {self.context(self.r.choice(self.types))}')
        self.out(f'pirqcon 9 {self.context("t1_t", "object_r")}')
        self.out(f'ioportcon 0x3f8-0x3ff {self.context("t2_t", "object_r")}')
        self.out(f'iomemcon 0xfee00-0xfee01 {self.context("t3_t", "object_r")}')
        self.out(f'pcidevicecon 0x18 {self.context("t4_t", "object_r")}')
        # checkpolicy takes "c1-s2" for one name.
        return re.sub(r'-(s\d)', r' - \1', '\n'.join(self.lines)) + '\n'

    def context(self, t, role=None):
        role = role or f'role{self.r.randrange(ROLES)}_r'
        c = f'{self.r.choice(self.users)}:{role}:{t}'
        return c + (':' + self.range() if self.mls else '')


def compile_to(text, version, mls, output):
    with tempfile.TemporaryDirectory() as folder:
        source = os.path.join(folder, 'policy.conf')
        with open(source, 'w', encoding='utf-8') as f:
            f.write(text)
        command = ['checkpolicy', '-t', 'Xen', '-c', version, '-o', output, source]
        r = subprocess.run(command + (['-M'] if mls else []), capture_output=True, text=True,
                           check=False)
    if r.returncode:
        sys.exit(r.stderr)


def main():
    mls = 'mls' in sys.argv[2:]
    text = Writer(int(sys.argv[1]), mls).write()
    if sys.argv[2:] in ([], ['mls']):
        sys.stdout.write(text)
    else:
        compile_to(text, sys.argv[2], mls, sys.argv[-1])


if __name__ == '__main__':
    main()
