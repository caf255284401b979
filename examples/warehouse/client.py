"""The visitors again. The only line that differs from ``local.py`` is the one with the proxy."""

from visitor import Visitor

from pyrolike.api import Proxy

warehouse = Proxy("PYRONAME:example.warehouse")
Visitor("Emil").visit(warehouse, brings="radio", takes="bike")
Visitor("Lotte").visit(warehouse, brings="globe", takes="bike")
