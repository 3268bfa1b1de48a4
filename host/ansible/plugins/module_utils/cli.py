"""The program as modules use it: argument vectors in, JSON documents out."""

import json

NOT_FOUND = 3


def cli_options():
    """Options of every module, as an argument specification."""
    return dict(
        program=dict(type='str', default='disklessset'),
        root=dict(type='path'),
        config=dict(type='path'),
        modules_dir=dict(type='path'),
        wait=dict(type='int'),
    )


def option(name, value):
    """A value that begins with a dash stays a value."""
    return '--%s=%s' % (name.replace('_', '-'), value)


def message_of(err):
    """The last error that the program told with its causes, in one line."""
    parts = []
    for line in err.splitlines():
        if line.startswith('error: '):
            parts = [line[len('error: '):]]
        elif line.startswith('  because: ') and parts:
            parts.append(line[len('  because: '):])
    return ': '.join(parts)


class Cli(object):
    """Runs the program for a module, and ends the module where the program fails."""

    def __init__(self, module):
        self.module = module
        self.program = module.get_bin_path(module.params['program'], required=True)
        names = ('root', 'config', 'modules_dir', 'wait')
        self.options = [option(name, module.params[name]) for name in names if module.params[name] is not None]

    def _run(self, words):
        command = [self.program, '--format=json', '--yes'] + self.options + words
        # Kernel parameters may have a $ in them, which stands for itself.
        code, out, err = self.module.run_command(command, expand_user_and_vars=False)
        return code, out, err, command

    def _fail(self, code, out, err, command):
        message = message_of(err) or 'the program ended with %d' % code
        self.module.fail_json(msg=message, rc=code, stdout=out, stderr=err, cmd=command)

    def _document(self, key, ended):
        code, out, err, command = ended
        try:
            return json.loads(out)[key]
        except (ValueError, KeyError):
            return self._fail(code, out, 'error: it printed no document with %s\n%s' % (key, err), command)

    def find(self, key, *words):
        """One document, or None where the program says that there is none."""
        ended = self._run(list(words))
        if ended[0] == NOT_FOUND:
            return None
        if ended[0] != 0:
            self._fail(*ended)
        return self._document(key, ended)

    def read(self, key, *words):
        """One document."""
        ended = self._run(list(words))
        if ended[0] != 0:
            self._fail(*ended)
        return self._document(key, ended)

    def told(self, key, *words):
        """One document, of a failure too where the program tells one of it."""
        ended = self._run(list(words))
        if ended[0] != 0 and not ended[1].strip():
            self._fail(*ended)
        return self._document(key, ended)

    def do(self, *words):
        """Changes something; in check mode the program finds out whether it could."""
        dry = ['--dry-run'] if self.module.check_mode else []
        ended = self._run(dry + list(words))
        if ended[0] != 0:
            self._fail(*ended)

    def change(self, *words):
        """Changes nodes and pools; gives back what is another one, in check mode what would be."""
        if not self.module.check_mode:
            return self.read('change', *words)
        ended = self._run(['--dry-run'] + list(words))
        if ended[0] == NOT_FOUND:
            self.assume(message_of(ended[2]))
            return dict(pools=[], nodes=[], assumed=True)
        if ended[0] != 0:
            self._fail(*ended)
        return self._document('change', ended)

    def assume(self, missing):
        """Says that check mode goes on without what is missing: a task before this one may be going to make it."""
        self.module.warn('%s: an earlier task would have to make it' % missing)


def differing(changes):
    """Before and after of changes of nodes and pools, as Ansible shows them."""
    def named(kind, side):
        items = [item[side] for change in changes for item in change[kind] if item[side] is not None]
        return dict((item['name'], item) for item in items)

    def shown(side):
        return dict((kind, named(kind, side)) for kind in ('pools', 'nodes') if named(kind, side))

    return dict(before=shown('before'), after=shown('after'))


def any_change(changes):
    """Whether one of the changes has something in it."""
    return any(change['pools'] or change['nodes'] or change.get('assumed') for change in changes)
