#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Makes the core's header, the policy build's class files and the reference page from
access_vectors: generate.py INPUT (--header|--classes|--sids|--vectors|--reference|--matrix) OUTPUT"""
import sys

# "target" is a domain itself, and its device model or Dom0.
RULES = {'none': 0, 'any': 1, 'self': 2, 'dm': 4, 'target': 2 | 4, 'priv': 8}


class Permission:
    def __init__(self, name, rule, operations, note):
        self.name, self.rule, self.operations, self.note = name, rule, operations, note


class Class:
    def __init__(self, name, text):
        self.name, self.text, self.permissions = name, text, []


def parse(path):
    classes, sids = [], []
    with open(path, encoding='utf-8') as f:
        for number, line in enumerate(f, 1):
            where = f'{path}:{number}'
            words = line.split()
            if not words or words[0].startswith('#'):
                continue
            if words[0] == 'sid':
                sids.append(words[1])
            elif words[0] == 'class':
                classes.append(Class(words[1], ' '.join(words[2:])))
            else:
                if not classes or len(words) < 3:
                    sys.exit(f'{where}: expected PERMISSION RULE OPERATIONS inside a class')
                if words[1] not in RULES:
                    sys.exit(f'{where}: unknown rule "{words[1]}"')
                head, _, note = ' '.join(words[2:]).partition(' ; ')
                ops = [] if head.strip() == '-' else [o.strip() for o in head.split(',')]
                names = [p.name for p in classes[-1].permissions]
                if words[0] in names or len(names) == 32:
                    sys.exit(f'{where}: permission given twice, or more than 32 in a class')
                classes[-1].permissions.append(Permission(words[0], words[1], ops, note))
    return classes, sids


def header(classes, sids, out):
    out('/* SPDX-License-Identifier: BSD-2-Clause */')
    out('/* Made by xsm-policy/generate.py from xsm-policy/access_vectors. */')
    out('#ifndef XSM_AV_H\n#define XSM_AV_H\n')
    out('/* Initial SIDs. */\nenum xsm_initial_sid {')
    for i, s in enumerate(sids, 1):
        out(f'\tXSM_SID_{s.upper()} = {i},')
    out(f'\tXSM_SID_INITIAL = {len(sids)}, /* how many there are */\n}};\n')
    out('enum xsm_class {')
    for i, c in enumerate(classes, 1):
        out(f'\tXSM_CLASS_{c.name.upper()} = {i}, /* {c.text} */')
    out(f'\tXSM_CLASSES = {len(classes)}, /* how many there are */\n}};\n')
    out('/* A permission: its class << 5 | its bit in the class. */\nenum xsm_perm {')
    for i, c in enumerate(classes, 1):
        for b, p in enumerate(c.permissions):
            text = ', '.join(p.operations) or 'no operation'
            out(f'\tXSM_{c.name.upper()}__{p.name.upper()} = {i} << 5 | {b}, /* {p.rule}: {text} */')
    out('};\n')
    out('/* Built-in rules (xsm-policy/access_vectors): bits of who may. */')
    out('enum xsm_rule {')
    for name, value in RULES.items():
        out(f'\tXSM_RULE_{name.upper()} = {value},')
    out('};\n')
    out('/* Names of everything, by number (xen-core/xsm/names.c). */\n'
        'extern const char *const xsm_sid_names[XSM_SID_INITIAL + 1];\n'
        'extern const struct xsm_class_names {\n\tconst char *name;\n\tunsigned int perms;\n'
        '\tconst char *perm[32];\n\tunsigned char rule[32]; /* enum xsm_rule */\n'
        '\tconst char *operations[32]; /* separated by commas */\n'
        '} xsm_classes[XSM_CLASSES + 1];\n')
    out('#ifdef XSM_AV_TABLES')
    out('const char *const xsm_sid_names[] = {\n\t"null",')
    for s in sids:
        out(f'\t"{s}",')
    out('};\n\nconst struct xsm_class_names xsm_classes[] = {\n\t{ .name = "null" },')
    for c in classes:
        out(f'\t{{\n\t\t.name = "{c.name}",\n\t\t.perms = {len(c.permissions)},\n\t\t.perm = {{')
        for p in c.permissions:
            out(f'\t\t\t"{p.name}",')
        out('\t\t},\n\t\t.rule = {')
        for p in c.permissions:
            out(f'\t\t\tXSM_RULE_{p.rule.upper()},')
        out('\t\t},\n\t\t.operations = {')
        for p in c.permissions:
            out(f'\t\t\t"{",".join(p.operations)}",')
        out('\t\t},\n\t},')
    out('};\n#endif\n\n#endif')


def class_file(classes, _sids, out):
    for c in classes:
        out(f'class {c.name}')


def sid_file(_classes, sids, out):
    for s in sids:
        out(f'sid {s}')


def vector_file(classes, _sids, out):
    for c in classes:
        out(f'class {c.name}\n{{')
        for p in c.permissions:
            out(f'\t{p.name}')
        out('}')


def reference(classes, sids, out):
    out('<!-- SPDX-License-Identifier: BSD-2-Clause -->')
    out('<!-- Made by xsm-policy/generate.py from xsm-policy/access_vectors: edit that. -->\n')
    out('# Policy reference: classes and permissions\n')
    out('The names are those of Xen 4.17. *Operations* are the hypercalls and sub-operations, by '
        'their names in Xen\'s public headers, that need the permission. *Built-in* is the rule '
        'that holds until a policy is loaded: any (everyone), self, target (self, device model of '
        'the object, or Dom0), dm (device model of the object, or Dom0), priv (Dom0), none.\n')
    out('Unless the explanation says otherwise, the source is the label of the domain that makes '
        'the hypercall, and the target is the label of the domain acted on: its `_self` type when '
        'it acts on itself, its `_target` type when a device model acts on its guest.\n')
    out('## Initial SIDs\n')
    for i, s in enumerate(sids, 1):
        out(f'{i}. `{s}`')
    for c in classes:
        out(f'\n## {c.name}\n\n{c.text[:1].upper()}{c.text[1:]}.\n')
        out('| Permission | Operations | Built-in | Explanation |\n|---|---|---|---|')
        for p in c.permissions:
            ops = ', '.join(f'`{o}`' for o in p.operations) or 'none'
            out(f'| `{p.name}` | {ops} | {p.rule} | {p.note} |')


ACTS = (('XEN_DOMCTL_SHADOW_OP_', 'shadow'), ('XEN_DOMCTL_', 'domctl'), ('XEN_SYSCTL_', 'sysctl'),
        ('XENPF_', 'platform'), ('XENVER_', 'version'), ('XENPMU_', 'pmu'),
        ('CONSOLEIO_', 'console'), ('XENMEM_', 'memory'), ('PHYSDEVOP_', 'physdev'),
        ('HVMOP_', 'hvm'), ('SCHEDOP_', 'sched'), ('EVTCHNOP_', 'evtchn'), ('GNTTABOP_', 'grant'),
        ('FLASK_', 'flask'), ('BULKHEAD_FLASK_', 'flask'), ('__HYPERVISOR_', 'hypercall'))


def matrix(classes, _sids, out):
    out('/* SPDX-License-Identifier: BSD-2-Clause */')
    out('/* Made by xsm-policy/generate.py: every (operation, permission) pair of access_vectors. */')
    for c in classes:
        for p in c.permissions:
            for o in p.operations:
                act = next(a for prefix, a in ACTS if o.startswith(prefix))
                out(f'{{ "{c.name}", "{p.name}", "{o}", do_{act}, {o} }},')


def main():
    makers = {'--header': header, '--classes': class_file, '--sids': sid_file,
              '--vectors': vector_file, '--reference': reference, '--matrix': matrix}
    if len(sys.argv) != 4 or sys.argv[2] not in makers:
        sys.exit(__doc__)
    classes, sids = parse(sys.argv[1])
    lines = []
    makers[sys.argv[2]](classes, sids, lines.append)
    with open(sys.argv[3], 'w', encoding='utf-8') as f:
        f.write('\n'.join(lines) + '\n')


if __name__ == '__main__':
    main()
