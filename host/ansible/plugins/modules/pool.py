#!/usr/bin/python
# Copyright (c) 2026 The developers of disklessset
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Pools of nodes."""

DOCUMENTATION = r'''
module: pool
short_description: Pools of nodes that get the same image
description:
  - Sets what the nodes of a pool get, or removes a pool that has no nodes.
  - What is not named stays as it is.
options:
  name:
    description: The pool.
    type: str
    required: true
  state:
    description: Whether the pool is there.
    type: str
    choices: [present, absent]
    default: present
  image:
    description:
      - The image. C(NAME) follows its current version, C(NAME@N) and C(NAME@TAG) name one version.
      - An empty text is no image.
    type: str
  nodes:
    description: A node set such as C(c[001-100]), which is added. A node that is in another pool is moved.
    type: str
  boot:
    description: Whether nodes boot the image or their own disk.
    type: str
    choices: [image, local]
  bootif:
    description: Whether C(BOOTIF=) is put on the kernel line.
    type: bool
  kernel_parameters:
    description: Kernel parameters after those of the image. Everybody in the network can read them.
    type: str
extends_documentation_fragment:
  - disklessset.disklessset.cli
attributes:
  check_mode:
    description: The program itself tells what it would change.
    support: full
  diff_mode:
    description: Pools and nodes before and after.
    support: full
'''

EXAMPLES = r'''
- name: A hundred nodes boot web01
  disklessset.disklessset.pool:
    name: compute
    image: web01
    nodes: c[001-100]
'''

RETURN = r'''
pool:
  description: The pool as it is; not in check mode, and not where it is absent.
  returned: when the pool is there
  type: dict
  sample:
    name: compute
    image: web01
    boot: image
    bootif: false
    kernel_parameters: ""
    nodes: c[001-100]
    node_count: 100
'''

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.disklessset.disklessset.plugins.module_utils.cli import (
    Cli, any_change, cli_options, differing, option)


def wanted(params):
    """The options of C(pool set)."""
    words = [option(name, params[name]) for name in ('image', 'nodes', 'boot', 'kernel_parameters')
             if params[name] is not None]
    if params['bootif'] is not None:
        words.append(option('bootif', 'yes' if params['bootif'] else 'no'))
    return words


def main():
    module = AnsibleModule(
        argument_spec=dict(
            cli_options(),
            name=dict(type='str', required=True),
            state=dict(type='str', choices=['present', 'absent'], default='present'),
            image=dict(type='str'),
            nodes=dict(type='str'),
            boot=dict(type='str', choices=['image', 'local']),
            bootif=dict(type='bool'),
            kernel_parameters=dict(type='str'),
        ),
        supports_check_mode=True,
    )
    cli, name = Cli(module), module.params['name']
    there = cli.find('pool', 'pool', 'show', '--', name)
    changes = []
    if module.params['state'] == 'present':
        changes.append(cli.change('pool', 'set', *(wanted(module.params) + ['--', name])))
    elif there is not None:
        changes.append(cli.change('pool', 'remove', '--', name))
    result = dict(changed=any_change(changes), diff=differing(changes))
    if module.params['state'] == 'present' and not module.check_mode:
        result['pool'] = cli.read('pool', 'pool', 'show', '--', name)
    module.exit_json(**result)


if __name__ == '__main__':
    main()
