#!/usr/bin/python
# Copyright (c) 2026 The developers of disklessset
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Kernels."""

DOCUMENTATION = r'''
module: kernel
short_description: Kernels of diskless nodes
description:
  - Adds a kernel with its modules and generates its initramfs, has images boot it, or removes a kernel that no image uses.
  - A kernel that is there stays as it is, even if the file it came from is another one now.
options:
  version:
    description: The version, as C(kernel list) shows it.
    type: str
    required: true
  state:
    description: Whether the kernel is there.
    type: str
    choices: [present, absent]
    default: present
  vmlinuz:
    description: A kernel file to add.
    type: path
  modules:
    description: The directory with the modules of I(vmlinuz).
    type: path
  tree:
    description: An OS tree whose kernel is added.
    type: path
  image:
    description: An image whose kernel is added.
    type: str
  initramfs:
    description: Generate an initramfs where there is none.
    type: bool
    default: true
  images:
    description: Images that boot this kernel.
    type: list
    elements: str
    default: []
  hold:
    description: Have new versions of these images wait for their release.
    type: bool
    default: false
extends_documentation_fragment:
  - disklessset.disklessset.cli
attributes:
  check_mode:
    description: The program itself finds out whether it could.
    support: full
  diff_mode:
    description: The kernel, and the kernels of images, before and after.
    support: full
'''

EXAMPLES = r'''
- name: This server's kernel, which web01 boots
  disklessset.disklessset.kernel:
    version: "{{ ansible_kernel }}"
    vmlinuz: /boot/vmlinuz-{{ ansible_kernel }}
    modules: /lib/modules/{{ ansible_kernel }}
    images: [web01]
'''

RETURN = r'''
kernel:
  description: The kernel as C(kernel list) shows it; not in check mode.
  returned: when the kernel is there
  type: dict
  sample:
    version: 6.1.0-42-amd64
    vmlinuz: vmlinuz-6.1.0-42-amd64
    initramfs: initramfs-kernel-6.1.0-42-amd64
    used_by: [web01]
'''

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.disklessset.disklessset.plugins.module_utils.cli import Cli, cli_options, option


def found(cli, version):
    """The kernel, if it is there."""
    for kernel in cli.read('kernels', 'kernel', 'list'):
        if kernel['version'] == version:
            return kernel
    return None


def origin(params):
    """The options of C(kernel add)."""
    names = dict(vmlinuz='vmlinuz', modules='modules', tree='from-tree', image='from-image')
    return [option(names[name], params[name]) for name in sorted(names) if params[name] is not None]


def add(module, cli):
    """Adds the kernel, and makes sure that it is the one that was meant."""
    version = module.params['version']
    words = origin(module.params)
    if not words:
        module.fail_json(msg='there is no kernel %s, and nothing to add it from' % version)
    cli.do('kernel', 'add', *words)
    if not module.check_mode and found(cli, version) is None:
        module.fail_json(msg='a kernel was added, and it is not %s' % version)


def kernel_of(module, cli, name):
    """The kernel that an image boots, or will with its newest version; one that is not there yet is taken for made with this kernel."""
    image = cli.find('image', 'show', '--', name)
    if image is None:
        missing = 'there is no image %s' % name
        if not module.check_mode:
            module.fail_json(msg=missing)
        cli.assume(missing)
        return module.params['version']
    versions = cli.read('versions', 'versions', '--', name) if module.params['hold'] else []
    if versions:
        return max(versions, key=lambda version: version['number'])['kernel']
    return (image['attributes'].get('kernel') or '')[len('vmlinuz-'):] or None


def present(module, cli, kernel):
    """Brings kernel, initramfs and images to what is wanted; gives back before and after."""
    params, version = module.params, module.params['version']
    before, after = dict(kernel=None, images={}), dict(kernel=version, images={})
    if kernel is None:
        add(module, cli)
        kernel = found(cli, version)
    else:
        before['kernel'] = version
    if params['initramfs'] and (kernel is None or kernel['initramfs'] is None):
        before['initramfs'], after['initramfs'] = False, True
        if not module.check_mode:
            cli.do('kernel', 'initramfs', '--', version)
    for name in params['images']:
        boots = kernel_of(module, cli, name)
        if boots != version:
            before['images'][name], after['images'][name] = boots, version
            # In check mode the kernel may not be there yet.
            if not module.check_mode:
                hold = ['--hold'] if params['hold'] else []
                cli.do('kernel', 'set', *(hold + ['--', name, version]))
    return before, after


def absent(module, cli, kernel):
    """Removes the kernel."""
    version = module.params['version']
    if kernel is None:
        return {}, {}
    cli.do('kernel', 'remove', '--', version)
    return dict(kernel=version), {}


def main():
    module = AnsibleModule(
        argument_spec=dict(
            cli_options(),
            version=dict(type='str', required=True),
            state=dict(type='str', choices=['present', 'absent'], default='present'),
            vmlinuz=dict(type='path'),
            modules=dict(type='path'),
            tree=dict(type='path'),
            image=dict(type='str'),
            initramfs=dict(type='bool', default=True),
            images=dict(type='list', elements='str', default=[]),
            hold=dict(type='bool', default=False),
        ),
        mutually_exclusive=[('vmlinuz', 'tree', 'image')],
        required_by=dict(modules='vmlinuz'),
        supports_check_mode=True,
    )
    cli, version = Cli(module), module.params['version']
    steps = dict(present=present, absent=absent)
    before, after = steps[module.params['state']](module, cli, found(cli, version))
    result = dict(changed=before != after, diff=dict(before=before, after=after))
    if module.params['state'] == 'present' and not module.check_mode:
        result['kernel'] = found(cli, version)
    module.exit_json(**result)


if __name__ == '__main__':
    main()
