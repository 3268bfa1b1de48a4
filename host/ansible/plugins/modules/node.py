#!/usr/bin/python
# Copyright (c) 2026 The developers of disklessset
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Nodes on record."""

DOCUMENTATION = r'''
module: node
short_description: Nodes on record
description:
  - Sets what is on record of nodes; those that are not there yet are made. Or forgets nodes.
  - What is not named stays as it is.
options:
  name:
    description: A node, or a node set such as C(c[001-100]).
    type: str
    required: true
  state:
    description: Whether the nodes are on record.
    type: str
    choices: [present, absent]
    default: present
  mac:
    description:
      - All cards that the node boots from; for one node only. An empty list is none.
      - Quote an address in a playbook. YAML takes one without letters for a number.
    type: list
    elements: str
  address:
    description: Its address; for one node only. An empty text is none.
    type: str
  alias:
    description: All its other names; for one node only. An empty list is none.
    type: list
    elements: str
  pool:
    description: The pool. An empty text takes the nodes out of theirs.
    type: str
  image:
    description: The image of nodes that are in no pool, as C(NAME), C(NAME@N) or C(NAME@TAG).
    type: str
  kernel_parameters:
    description: Kernel parameters after those of image and pool. Everybody in the network can read them.
    type: str
  variables:
    description:
      - Settings of iPXE that the boot file makes. Others stay; one with an empty text is taken away.
      - Everybody in the network can read them.
    type: dict
extends_documentation_fragment:
  - disklessset.disklessset.cli
attributes:
  check_mode:
    description: The program itself tells what it would change.
    support: full
  diff_mode:
    description: Nodes and pools before and after.
    support: full
'''

EXAMPLES = r'''
- name: A node with its card
  disklessset.disklessset.node:
    name: c001
    mac: "52:54:00:12:34:56"
    pool: compute
    variables:
      rack: r12

- name: Forget nodes
  disklessset.disklessset.node:
    name: c[090-099]
    state: absent
'''

RETURN = r'''
nodes:
  description: The nodes as they are; not in check mode, and not where they are absent.
  returned: when the nodes are there
  type: list
  elements: dict
  sample:
    - name: c001
      mac: ["52:54:00:ab:cd:01"]
      address: null
      alias: []
      pool: compute
      image: null
      kernel_parameters: ""
      variables: {"rack": "r12"}
'''

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.disklessset.disklessset.plugins.module_utils.cli import (
    Cli, any_change, cli_options, differing, option)


def wanted(params):
    """The options of C(node set)."""
    words = [option(name, params[name]) for name in ('address', 'pool', 'kernel_parameters')
             if params[name] is not None]
    for name in ('mac', 'alias'):
        if params[name] is not None:
            words += [option(name, value) for value in params[name] or ['']]
    for key, value in sorted((params['variables'] or {}).items()):
        words.append(option('var', '%s=%s' % (key, '' if value is None else value)))
    return words


def must_be_quoted(module):
    """YAML has made a number of an address without letters."""
    for mac in module.params['mac'] or []:
        if mac.isdigit():
            module.fail_json(msg='%s is a number to YAML: quote the MAC address' % mac)


def present(cli, params):
    """The changes that bring the nodes to what is wanted."""
    name, words = params['name'], wanted(params)
    changes = []
    if words or params['image'] is None:
        changes.append(cli.change('node', 'set', *(words + ['--', name])))
    if params['image'] is not None:
        changes.append(cli.change('assign', '--', params['image'], name))
    return changes


def main():
    module = AnsibleModule(
        argument_spec=dict(
            cli_options(),
            name=dict(type='str', required=True),
            state=dict(type='str', choices=['present', 'absent'], default='present'),
            mac=dict(type='list', elements='str'),
            address=dict(type='str'),
            alias=dict(type='list', elements='str'),
            pool=dict(type='str'),
            image=dict(type='str'),
            kernel_parameters=dict(type='str'),
            variables=dict(type='dict'),
        ),
        mutually_exclusive=[('pool', 'image')],
        supports_check_mode=True,
    )
    must_be_quoted(module)
    cli, name = Cli(module), module.params['name']
    if module.params['state'] == 'absent':
        changes = [cli.change('node', 'remove', '--ignore-missing', '--', name)]
    else:
        changes = present(cli, module.params)
    result = dict(changed=any_change(changes), diff=differing(changes))
    if module.params['state'] == 'present' and not module.check_mode:
        result['nodes'] = cli.read('nodes', 'node', 'list', '--', name)
    module.exit_json(**result)


if __name__ == '__main__':
    main()
