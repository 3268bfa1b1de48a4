#!/usr/bin/python
# Copyright (c) 2026 The developers of disklessset
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Releases of versions."""

DOCUMENTATION = r'''
module: release
short_description: The version of an image that nodes get
description:
  - Makes a version of an image the one that nodes get with their next boot, on request only after it has booted in a virtual machine.
  - An older version is a way back, which copies nothing.
options:
  name:
    description: The image.
    type: str
    required: true
  version:
    description: A number or a tag.
    type: str
    default: newest
  prove:
    description:
      - Boot the version first, in a virtual machine that is thrown away.
      - One that is current already, and has the tag, is not booted again.
    type: bool
    default: false
  firmware:
    description: The firmware of that machine.
    type: str
    choices: [bios, uefi]
    default: bios
  memory:
    description: Its memory, such as C(2G), or C(auto).
    type: str
  timeout:
    description: Give the boot up after so many seconds.
    type: int
  tag:
    description:
      - A name for the version, given after the proof. One with a tag is not pruned.
      - A pool with C(NAME@TAG) follows the tag, whatever is current meanwhile.
    type: str
extends_documentation_fragment:
  - disklessset.disklessset.cli
attributes:
  check_mode:
    description: The version is not booted. An image that is not there is taken for one that an earlier task would make.
    support: full
  diff_mode:
    description: The version that nodes get, before and after.
    support: full
'''

EXAMPLES = r'''
- name: Prove the newest version, then give it to nodes
  disklessset.disklessset.release:
    name: web01
    prove: true
    memory: auto
    tag: tested

- name: Go back
  disklessset.disklessset.release:
    name: web01
    version: "6"
'''

RETURN = r'''
version:
  description: The version that nodes get.
  returned: when the image has versions
  type: str
  sample: web01@7
previous:
  description: The version that nodes got before.
  returned: when it has changed
  type: str
  sample: web01@6
proven:
  description: Whether the version was booted by this task.
  returned: always
  type: bool
'''

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.disklessset.disklessset.plugins.module_utils.cli import Cli, cli_options, option


def chosen(module, versions):
    """The version that is meant."""
    wanted = module.params['version']
    if wanted == 'newest':
        return max(versions, key=lambda version: version['number'])
    for version in versions:
        if str(version['number']) == wanted or wanted in version['tags']:
            return version
    return module.fail_json(msg='there is no version %s@%s' % (module.params['name'], wanted))


def prove(cli, params, version):
    """Boots the version; the task fails where it does not come up."""
    words = [option('firmware', params['firmware'])]
    words += [option(name, params[name]) for name in ('memory', 'timeout') if params[name] is not None]
    cli.do('prove', *(words + ['--', version]))


def release(module, cli, versions):
    """Brings versions and tags to what is wanted."""
    params, name = module.params, module.params['name']
    version = chosen(module, versions)
    label = '%s@%d' % (name, version['number'])
    current = ['%s@%d' % (name, one['number']) for one in versions if one['state'] == 'current']
    is_current, is_tagged = label in current, params['tag'] is None or params['tag'] in version['tags']
    result = dict(changed=not (is_current and is_tagged), proven=False, version=label)
    if result['changed'] and params['prove'] and not module.check_mode:
        prove(cli, params, label)
        result['proven'] = True
    if not is_current:
        cli.do('release', '--', label)
        result['previous'] = current[0] if current else None
        result['diff'] = dict(before=dict(version=result['previous']), after=dict(version=label))
    if not is_tagged:
        cli.do('tag', '--', label, params['tag'])
    return result


def main():
    module = AnsibleModule(
        argument_spec=dict(
            cli_options(),
            name=dict(type='str', required=True),
            version=dict(type='str', default='newest'),
            prove=dict(type='bool', default=False),
            firmware=dict(type='str', choices=['bios', 'uefi'], default='bios'),
            memory=dict(type='str'),
            timeout=dict(type='int'),
            tag=dict(type='str'),
        ),
        supports_check_mode=True,
    )
    cli, name = Cli(module), module.params['name']
    versions = cli.find('versions', 'versions', '--', name)
    if versions:
        module.exit_json(**release(module, cli, versions))
    missing = 'there is no image %s' % name if versions is None else 'image %s has no versions' % name
    if not module.check_mode:
        module.fail_json(msg=missing)
    cli.assume(missing)
    module.exit_json(changed=True, proven=False)


if __name__ == '__main__':
    main()
