# Copyright (c) 2026 The developers of disklessset
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Nodes on record as hosts, their pools as groups."""

DOCUMENTATION = r'''
name: nodes
short_description: Nodes on record as hosts, their pools as groups
description:
  - Takes nodes from the program, or from what it printed on the boot server.
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
    description: Read this file, which C(disklessset node list --format json) printed, instead of asking the program.
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

from ansible.errors import AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Constructable


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
        try:
            text = self._told() if file is None else self._read(file)
            return dict((node['name'], node) for node in json.loads(text)['nodes'])
        except (ValueError, KeyError, TypeError) as cause:
            raise AnsibleParserError('%s is no list of nodes: %s' % (file or 'what was printed', cause)) from cause

    def _read(self, file):
        try:
            with open(file, encoding='utf-8') as opened:
                return opened.read()
        except OSError as cause:
            raise AnsibleParserError('cannot read %s: %s' % (file, cause)) from cause

    def _told(self):
        command = [self.get_option('program'), '--format=json']
        for name in ('root', 'config'):
            if self.get_option(name) is not None:
                command.append('--%s=%s' % (name, self.get_option(name)))
        try:
            return subprocess.run(command + ['node', 'list'], check=True, capture_output=True, encoding='utf-8').stdout
        except OSError as cause:
            raise AnsibleParserError('cannot run %s: %s' % (command[0], cause)) from cause
        except subprocess.CalledProcessError as cause:
            raise AnsibleParserError('%s node list: %s' % (command[0], cause.stderr.strip())) from cause

    def _add(self, name, node):
        self.inventory.add_host(name)
        facts = dict(
            mac=node['mac'],
            disklessset_aliases=node['alias'],
            disklessset_pool=node['pool'],
            disklessset_image=node['image'],
            disklessset_kernel_parameters=node['kernel_parameters'],
            disklessset_variables=node['variables'],
        )
        if node['address']:
            facts['ansible_host'] = node['address']
        for key, value in facts.items():
            self.inventory.set_variable(name, key, value)
        if node['pool']:
            group = self._sanitize_group_name(self.get_option('group_prefix') + node['pool'])
            self.inventory.add_child(self.inventory.add_group(group), name)
        self._construct(name)

    def _construct(self, name):
        strict, facts = self.get_option('strict'), self.inventory.get_host(name).get_vars()
        self._set_composite_vars(self.get_option('compose'), facts, name, strict=strict)
        self._add_host_to_composed_groups(self.get_option('groups'), facts, name, strict=strict)
        self._add_host_to_keyed_groups(self.get_option('keyed_groups'), facts, name, strict=strict)
