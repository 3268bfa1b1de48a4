#!/usr/bin/python
# Copyright (c) 2026 The developers of disklessset
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Images."""

DOCUMENTATION = r'''
module: image
short_description: Images of diskless nodes
description:
  - Makes an image as a definition says, makes it again where the definition has changed, mounts it to be customised, packs it, removes it.
options:
  name:
    description: The image.
    type: str
    required: true
  state:
    description:
      - C(present) makes the image, or brings it to its definition. Without a definition the image must be there.
      - C(mounted) mounts a livenet image, to customise its tree through the connection C(community.general.chroot).
      - C(unmounted) packs what was customised as the next version, or nothing where the tree is the one that nodes get.
        What lies in C(/tmp) is no part of it. Only edits that are packed or thrown away count as a change.
      - C(absent) removes the image with all its versions.
    type: str
    choices: [present, mounted, unmounted, absent]
    default: present
  definition:
    description:
      - What the image is made from, with the keys of a definition. Paths in it are absolute, on the managed host.
      - It holds no secret. C(password_file) names a file on the managed host that holds the password.
    type: dict
  file:
    description: A definition in a file on the managed host.
    type: path
  discard_edits:
    description:
      - With C(present), make an image again though it was edited.
      - With C(unmounted), throw the edits away.
    type: bool
    default: false
  hold:
    description: Have a new version wait for its release.
    type: bool
    default: false
extends_documentation_fragment:
  - disklessset.disklessset.cli
attributes:
  check_mode:
    description:
      - The program itself tells what it would do.
      - An image that is not there is taken for one that an earlier task would make.
    support: full
  diff_mode:
    description: Keys of the definition that differ; files that were customised.
    support: full
'''

EXAMPLES = r'''
- name: An image of this server's own packages
  disklessset.disklessset.image:
    name: web01
    definition:
      image_class: LivenetImage
      kernel: from-image
      source: apt
      password_file: /etc/disklessset/root.password

- name: Mount it
  disklessset.disklessset.image:
    name: web01
    state: mounted
  register: mounted

- name: Pack what was customised in the tree
  disklessset.disklessset.image:
    name: web01
    state: unmounted
    hold: true
'''

RETURN = r'''
image:
  description: All that C(show) says of the image; not in check mode.
  returned: when the image is there
  type: dict
tree:
  description: Where the image is mounted.
  returned: when it is mounted
  type: str
  sample: /var/tmp/diskless/workdir/web01/mnt
version:
  description: The newest version of the image.
  returned: when it has versions
  type: str
  sample: web01@7
'''

import json
import os
import tempfile

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.disklessset.disklessset.plugins.module_utils.cli import Cli, cli_options

# What is in these directories of a tree is never packed.
LEFT_OUT = ('boot', 'dev', 'proc', 'run', 'sys', 'tmp')


def hide_secrets(module):
    """A definition with a secret is refused; until then nothing of it may be shown."""
    for key, value in (module.params['definition'] or {}).items():
        if key.endswith(('password', 'secret', 'token')):
            module.no_log_values.add(str(value))
            module.fail_json(msg='a definition holds no secret: %s_file names a file with it' % key)


def definition_file(module):
    """A definition as a file, closed to others, that goes with the task."""
    if module.params['file'] is not None:
        return module.params['file']
    if module.params['definition'] is None:
        return None
    text = json.dumps(dict(module.params['definition'], name=module.params['name']))
    descriptor, path = tempfile.mkstemp(suffix='.yml', dir=module.tmpdir)
    with os.fdopen(descriptor, 'w') as file:
        file.write(text)
    module.add_cleanup_file(path)
    return path


def flags(params, *names):
    """Options that are switched on."""
    return ['--' + name.replace('_', '-') for name in names if params[name]]


def applied(module, cli, path, dry):
    """What is done about the image, or would be."""
    words = dry + ['apply'] + flags(module.params, 'hold', 'discard_edits') + ['--', path]
    images = cli.told('images', *words)
    if [image['name'] for image in images] != [module.params['name']]:
        module.fail_json(msg='%s is not the definition of image %s' % (path, module.params['name']))
    if images[0]['problem'] is not None:
        module.fail_json(msg=images[0]['problem'])
    return images[0]


def present(module, cli, image):
    """Brings the image to its definition."""
    path = definition_file(module)
    if path is None:
        if image is None:
            module.fail_json(msg='there is no image %s, and no definition to make it from' % module.params['name'])
        return dict(changed=False)
    step = applied(module, cli, path, ['--dry-run'])
    changed = step['step'] in ('create', 'rebuild')
    if changed and not module.check_mode:
        applied(module, cli, path, [])
    before = dict((change['key'], change['old']) for change in step['changes'])
    after = dict((change['key'], change['new']) for change in step['changes'])
    if step['step'] == 'create':
        after = dict(image=step['name'])
    return dict(changed=changed, diff=dict(before=before, after=after))


def is_mounted(image):
    """Tools of 1.x wrote the word as a text."""
    return image['attributes'].get('is_mounted') in (True, 'True', 'true')


def assumed(module, cli, changed):
    """What check mode says of an image that is not there yet."""
    missing = 'there is no image %s' % module.params['name']
    if not module.check_mode:
        module.fail_json(msg=missing)
    cli.assume(missing)
    return dict(changed=changed)


def mounted(module, cli, image):
    """Mounts the image."""
    if image is None:
        return assumed(module, cli, True)
    if is_mounted(image):
        return dict(changed=False)
    cli.do('livenet', 'mount', '--', module.params['name'])
    return dict(changed=True, diff=dict(before=dict(mounted=False), after=dict(mounted=True)))


def packed(items):
    """Those of them that are a part of an image."""
    return [item for item in items if item['path'].split('/')[1] not in LEFT_OUT]


def edits(cli, name):
    """Files that differ from what nodes get, or None where that cannot be told."""
    current = [version['number'] for version in cli.find('versions', 'versions', '--', name) or []
               if version['state'] == 'current']
    if not current:
        return None
    diff = cli.read('diff', 'diff', '--', '%s@%d' % (name, current[0]), name)
    if packed(diff['skipped']) or diff['more_skipped'] or diff['packages']['not_compared']:
        return None
    return packed(diff['files'])


def unmounted(module, cli, image):
    """Packs the edits, where there are any."""
    name, params = module.params['name'], module.params
    if image is None:
        return assumed(module, cli, False)
    if not is_mounted(image):
        return dict(changed=False)
    files = edits(cli, name)
    discard = ['--discard'] if params['discard_edits'] or files == [] else []
    cli.do('livenet', 'unmount', *(discard + flags(params, 'hold') + ['--', name]))
    shown = dict((item['path'], item['change']) for item in files or [])
    diff = dict(before=shown, after={}) if discard else dict(before={}, after=shown)
    return dict(changed=files != [], diff=diff)


def absent(module, cli, image):
    """Removes the image."""
    if image is None:
        return dict(changed=False)
    cli.do('remove', '--', module.params['name'])
    return dict(changed=True, diff=dict(before=dict(image=module.params['name']), after={}))


def facts(module, cli):
    """What is known of the image now."""
    name = module.params['name']
    image = cli.find('image', 'show', '--', name)
    if image is None:
        return {}
    known = dict(image=image)
    versions = cli.read('versions', 'versions', '--', name)
    if versions:
        known['version'] = '%s@%d' % (name, max(version['number'] for version in versions))
    if is_mounted(image):
        known['tree'] = image['facts']['mounted_at']
    return known


def main():
    module = AnsibleModule(
        argument_spec=dict(
            cli_options(),
            name=dict(type='str', required=True),
            state=dict(type='str', choices=['present', 'mounted', 'unmounted', 'absent'], default='present'),
            definition=dict(type='dict'),
            file=dict(type='path'),
            discard_edits=dict(type='bool', default=False),
            hold=dict(type='bool', default=False),
        ),
        mutually_exclusive=[('definition', 'file')],
        supports_check_mode=True,
        # A definition with a secret is refused, and must not be in the system's log by then.
        no_log=True,
    )
    hide_secrets(module)
    cli = Cli(module)
    image = cli.find('image', 'show', '--', module.params['name'])
    steps = dict(present=present, mounted=mounted, unmounted=unmounted, absent=absent)
    result = steps[module.params['state']](module, cli, image)
    if not module.check_mode:
        result.update(facts(module, cli))
    module.exit_json(**result)


if __name__ == '__main__':
    main()
