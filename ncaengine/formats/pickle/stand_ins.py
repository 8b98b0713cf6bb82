"""Which calls of a pickle become inert stand-ins: those of objects that lie beside weights, such as settings.

Nothing is looked up or run, whatever its name. What the standard library has and is not here is refused all the same:
a model file has no need of it, and its user should hear of it.
"""

import re
import sys

DATA = re.compile(
    r"(argparse|array|collections|_?datetime|_?decimal|enum|fractions|ipaddress|pathlib|uuid|zoneinfo)\..+"
    r"|_?random\.Random|re\._compile|_?time\.struct_time|logging\.(Logger|getLogger)|string\.Template"
    r"|functools\.partial|itertools\.(count|cycle)|_?operator\.(itemgetter|attrgetter)|types\.SimpleNamespace"
    r"|(builtins|__builtin__)\.(complex|slice|x?range|bytearray|object|float|int|long|str|bool|\w+(Error|Exception))"
    r"|numpy\.((ma|random|core|_core|dtypes)\.)?.+"
    r"|torch\.((nn|optim|amp|cuda\.amp|distributions|utils\.data)\..+|Generator|finfo|iinfo)"
    r"|__torch__\..+"
)
"""Full names of classes and functions of data: the standard library's, NumPy's, torch's, TorchScript's modules."""

KNOWN = {
    *sys.stdlib_module_names, "__main__", "__torch__", "numpy", "torch", "nt", "setuptools", "pip",
    # Of Python 2 and of earlier versions of 3.
    "__builtin__", "commands", "copy_reg", "cPickle", "popen2", "os2", "thread", "urllib2", "imp", "distutils", "pipes",
    "asyncore", "new", "cgi", "telnetlib", "smtpd", "crypt", "ihooks", "execfile", "httplib", "ftplib", "dl", "rexec",
}  # fmt: skip
"""Modules of which all that a model file may name is in DATA."""


def is_data(module: str, name: str) -> bool:
    """Return whether a class is of a script, or of a family of objects that checkpoints hold."""
    return module in ("__main__", "__torch__") or bool(DATA.fullmatch(f"{module}.{name}"))


def is_foreign(module: str) -> bool:
    """Return whether a module is of a program or library of which nothing is known here."""
    top = module.partition(".")[0]
    return top.isidentifier() and top not in KNOWN
