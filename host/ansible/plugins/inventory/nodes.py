# Copyright (c) 2026 The developers of disklessset
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Nodes on record as hosts, their pools as groups."""

DOCUMENTATION = r'''
name: nodes
short_description: Nodes on record as hosts, their pools as groups
description:
  - Takes nodes from the program, or from a copy of its node file.
  - The file of this inventory is named C(disklessset.yml) or C(*.disklessset.yml), or with C(.yaml).
  - Variables have the names that C(disklessset node import --from ansible) reads.
author:
  - The developers of disklessset !UNKNOWN
extends_documentation_fragment:
  - constructed
options:
  plugin:
    description: The name of this plugin.
    required: true
    choices: [disklessset.disklessset.nodes]
  program:
    description: The program, by its name on the search path or its full path.
    type: str
    default: disklessset
  root:
    description: Work below this directory, as C(--root) does.
    type: path
  config:
    description: Read the configuration from this file.
    type: path
  file:
    description: Read this file, which C(disklessset node list --format yaml) printed, instead of asking the program.
    type: path
  group_prefix:
    description: What the names of groups begin with, before the name of the pool.
    type: str
    default: ""
'''

EXAMPLES = r'''
# disklessset.yml
plugin: disklessset.disklessset.nodes
keyed_groups:
  - key: disklessset_variables.rack | default('nowhere')
    prefix: rack
'''

import json
import subprocess

import yaml

from ansible.errors import AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Constructable


def as_list(value):
    """The node file has one of something as a text, several as a list."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


class InventoryModule(BaseInventoryPlugin, Constructable):
    """The plugin."""

    NAME = 'disklessset.disklessset.nodes'

    def verify_file(self, path):
        endings = ('disklessset.yml', 'disklessset.yaml')
        return super().verify_file(path) and path.endswith(endings)

    def parse(self, inventory, loader, path, cache=True):
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        for name, node in sorted(self._nodes().items()):
            self._add(name, node)

    def _nodes(self):
        file = self.get_option('file')
        if file is None:
            return dict((node['name'], node) for node in self._told()['nodes'])
        try:
            with open(file, encoding='utf-8') as opened:
                return yaml.safe_load(opened)['nodes'] or {}
        except (OSError, yaml.YAMLError, KeyError, TypeError) as cause:
            raise AnsibleParserError('%s is no list of nodes: %s' % (file, cause)) from cause

    def _told(self):
        command = [self.get_option('program'), '--format=json']
        for name in ('root', 'config'):
            if self.get_option(name) is not None:
                command.append('--%s=%s' % (name, self.get_option(name)))
        try:
            ended = subprocess.run(command + ['node', 'list'], check=True, capture_output=True, encoding='utf-8')
            return json.loads(ended.stdout)
        except OSError as cause:
            raise AnsibleParserError('cannot run %s: %s' % (command[0], cause)) from cause
        except (subprocess.CalledProcessError, ValueError) as cause:
            said = getattr(cause, 'stderr', None) or str(cause)
            raise AnsibleParserError('%s node list: %s' % (command[0], said.strip())) from cause

    def _add(self, name, node):
        self.inventory.add_host(name)
        facts = dict(
            mac=as_list(node.get('mac')),
            disklessset_aliases=as_list(node.get('alias')),
            disklessset_pool=node.get('pool'),
            disklessset_image=node.get('image'),
            disklessset_kernel_parameters=node.get('kernel_parameters') or '',
            disklessset_variables=node.get('variables') or {},
        )
        if node.get('address'):
            facts['ansible_host'] = node['address']
        for key, value in facts.items():
            self.inventory.set_variable(name, key, value)
        if node.get('pool'):
            group = self._sanitize_group_name(self.get_option('group_prefix') + node['pool'])
            self.inventory.add_child(self.inventory.add_group(group), name)
        self._construct(name)

    def _construct(self, name):
        strict, facts = self.get_option('strict'), self.inventory.get_host(name).get_vars()
        self._set_composite_vars(self.get_option('compose'), facts, name, strict=strict)
        self._add_host_to_composed_groups(self.get_option('groups'), facts, name, strict=strict)
        self._add_host_to_keyed_groups(self.get_option('keyed_groups'), facts, name, strict=strict)
