"""Options that all modules of the collection have."""


class ModuleDocFragment(object):
    DOCUMENTATION = r'''
options:
  program:
    description: The program, by its name on the search path or its full path.
    type: str
    default: disklessset
  root:
    description: Work below this directory, as C(--root) does.
    type: path
  config:
    description: Read the configuration from this file instead of C(/etc/disklessset/diskless_parameters.yml).
    type: path
  modules_dir:
    description: Look for modules of the program in this directory.
    type: path
  wait:
    description: Wait so many seconds for an image that is in use.
    type: int
requirements:
  - disklessset on the managed host
author:
  - The developers of disklessset !UNKNOWN
'''
