#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""REQ flask/5, flask/6: what the shipped policy promises, asked of the binary policy: and that
docs/policy-reference.md is what access_vectors says. promises.py TOOL POLICY"""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, '..'))
import generate  # noqa: E402

GUESTS = ['domU_t', 'hvm_guest_t', 'pvshim_t', 'isolated_t', 'sealed_t', 'tenant_a_t', 'tenant_b_t']
DRIVERS = ['netdom_t', 'stordom_t']
BACKEND = 'grant { map_read map_write unmap copy }'
# (source, target): everything that it may do, as "class { permissions }" lines.
EXACTLY = {(d, g): [BACKEND] for d in DRIVERS for g in GUESTS}
EXACTLY.update({(d, 'sealed_t_building'): [] for d in DRIVERS})
EXACTLY.update({(g, h): [] for g in GUESTS for h in GUESTS
                if g != h or not g.startswith('tenant')})
EXACTLY.update({(g, d): [] for g in GUESTS for d in DRIVERS + ['dom0_t', 'store_t', 'stubdom_t']
                if (g, d) != ('hvm_guest_t', 'stubdom_t')})
# What they granted a driver domain may be copied to it.
EXACTLY.update({(g, d): ['grant { copy }'] for g in GUESTS for d in DRIVERS})
EXACTLY.update({('tenant_a_t', 'tenant_a_t'): [BACKEND], ('tenant_b_t', 'tenant_b_t'): [BACKEND],
                ('sealed_t', 'sealed_t'): [],
                ('stubdom_t', 'hvm_guest_t'): ['domain { set_target }'],
                ('stubdom_t', 'domU_t'): [], ('stubdom_t', 'dom0_t'): [],
                ('dom0_t', 'sealed_t'): [
                    'domain { pause unpause destroy getdomaininfo }',
                    'domain2 { relabelto }', 'grant { map_read map_write unmap }'],
                ('netdom_t', 'xen_t'): ['version { xen_extraversion xen_compile_info '
                                        'xen_capabilities xen_changeset xen_pagesize '
                                        'xen_guest_handle }']})
# (target, class, permission): all who may.
ONLY = {('security_t', 'security', 'load_policy'): ['dom0_t'],
        ('security_t', 'security', 'setenforce'): ['dom0_t'],
        ('sealed_t', 'mmu', 'map_read'): [], ('sealed_t', 'mmu', 'map_write'): [],
        ('sealed_t', 'hvm', 'gethvmc'): [], ('sealed_t', 'domain', 'getvcpucontext'): [],
        ('sealed_t', 'domain2', 'resource_map'): [], ('sealed_t', 'hvm', 'dm'): [],
        ('sealed_t_building', 'mmu', 'map_write'): ['dom0_t'],
        ('domU_t', 'mmu', 'map_read'): ['dom0_t'], ('domU_t', 'domain', 'destroy'): ['dom0_t'],
        ('hvm_guest_t_target', 'mmu', 'map_read'): ['stubdom_t'],
        ('nic_t', 'resource', 'use_iommu'): ['netdom_t'],
        ('disk_t', 'resource', 'use_iommu'): ['stordom_t'],
        ('device_t', 'resource', 'use_iommu'): [], ('device_t', 'resource', 'add_device'): [],
        ('xen_t', 'xen', 'debug'): ['dom0_t'], ('xen_t', 'xen', 'readconsole'): ['dom0_t']}
NO_FLOW = [('tenant_a_t', 'tenant_b_t'), ('tenant_b_t', 'tenant_a_t'), ('domU_t', 'isolated_t'),
           ('isolated_t', 'domU_t'), ('netdom_t', 'stordom_t')]


def main():
    tool, policy = sys.argv[1:]

    def ask(*words):
        r = subprocess.run([tool, policy, *words], capture_output=True, text=True, check=False)
        if r.returncode:
            sys.exit(r.stderr)
        return r.stdout.splitlines()

    bad = []
    for (source, target), want in EXACTLY.items():
        got = [line.split(':', 1)[1] for line in ask('what', source, target)]
        if sorted(got) != sorted(want):
            bad.append(f'{source} to {target}: {got}, not {want}')
    for (target, tclass, perm), want in ONLY.items():
        got = ask('who', target, tclass, perm)
        if sorted(got) != sorted(want):
            bad.append(f'{tclass}:{perm} of {target}: {got}, not {want}')
    for source, target in NO_FLOW:
        if ask('flow', source, target)[0] == 'directly:':
            bad.append(f'information flows directly from {source} to {target}')
    lines = []
    generate.reference(*generate.parse(os.path.join(HERE, '..', 'access_vectors')), lines.append)
    with open(os.path.join(HERE, '..', '..', 'docs', 'policy-reference.md'), encoding='utf-8') as f:
        if f.read() != '\n'.join(lines) + '\n':
            bad.append('docs/policy-reference.md is not what generate.py --reference makes')
    if bad:
        sys.exit('\n'.join(bad))
    print(f'{len(EXACTLY) + len(ONLY) + len(NO_FLOW)} promises hold')


if __name__ == '__main__':
    main()
