#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Mistakes in modules are reported with file and line of the source, and nothing is written; what
neverallow rules forbid can't be built: build_errors.py BUILD"""
import os
import subprocess
import sys
import tempfile

CASES = [
    # text of the module's .te, line of the mistake, what the message must have
    ('\n\nallow nosuch_t domU_t:domain pause;\n', 3, 'nosuch_t'),
    ('declare_domain(my_t)\n# more\nallow my_t domU_t:domain { paus };\n', 3, 'paus'),
    ('declare_domain(my_t)\nallow my_t domU_t:nosuch pause;\n', 2, 'nosuch'),
    ('declare_domain(my_t)\n\n\nallow my_t domU_t:grant copy\n\nallow my_t self:grant copy;\n', 6,
     'syntax error'),
    ('declare_domain(my_t\n', 1, 'end of file'),
    ('type dom0_t;\n', 1, 'Duplicate'),
]
FORBIDDEN = [
    'allow netdom_t domU_t:mmu map_read;', 'allow dom0_t sealed_t:mmu map_read;',
    'allow dom0_t sealed_t:domain getvcpucontext;', 'allow stubdom_t hvm_guest_t:hvm dm;',
    'allow domU_t security_t:security load_policy;', 'allow store_t sealed_t_building:mmu map_read;',
    'allow tenant_a_t tenant_b_t:grant map_read;', 'allow tenant_a_t_channel tenant_b_t:event bind;',
    'allow domU_t isolated_t:grant copy;', 'allow netdom_t nic_t:resource use_noiommu;',
    'allow dom0_t device_t:resource add_device;', 'allow domU_t pvshim_t:domain pause;',
    'allow netdom_t xen_t:xen debug;', 'allow dom0_t unlabeled_t:mmu map_read;',
    'allow dom0_t sealed_t:domain2 relabelfrom;', 'allow dom0_t sealed_t:shadow logdirty;',
    'allow stubdom_t hvm_guest_t:grant map_read;', 'allow stubdom_t domU_t:domain pause;',
]


def call(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False)


def main():
    build = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        module = os.path.join(folder, 'my')
        output = os.path.join(folder, 'out')
        os.mkdir(module)
        for text, line, what in CASES:
            source = os.path.join(module, 'my.te')
            with open(source, 'w', encoding='utf-8') as f:
                f.write(text + '# requires: guest\n')
            r = call(build, '--output', output, module)
            message = r.stdout + r.stderr
            if r.returncode == 0 or f'{source}:{line}:' not in message or what not in message:
                sys.exit(f'expected {source}:{line}: … {what}, got\n{message}')
            if os.path.exists(output):
                sys.exit('a policy was written in spite of an error')
        for rule in FORBIDDEN:
            r = call(build, '--try', rule)
            if r.returncode == 0 or 'this neverallow forbids' not in r.stderr or \
                    '.te:' not in r.stderr:
                sys.exit(f'{rule} is not forbidden:\n{r.stdout}{r.stderr}')
        if call(build, '--try', 'allow netdom_t stordom_t:grant map_read').returncode:
            sys.exit('--try forbids a harmless rule')
        r = subprocess.run([build, '--try', '-'], input='\n'.join(FORBIDDEN), capture_output=True,
                           text=True, check=False)
        for rule in FORBIDDEN:
            if rule.rsplit(None, 1)[0] not in r.stderr:
                sys.exit(f'--try - does not say that {rule} is forbidden:\n{r.stderr}')
        for names in (['guest'], ['sealed'], ['stubdom'], ['dom0']):
            if call(build, '--output', output, *names).returncode:
                sys.exit(f'{names} alone does not build')
    print(f'{len(CASES)} mistakes, {len(FORBIDDEN)} forbidden rules')


if __name__ == '__main__':
    main()
