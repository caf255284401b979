"""Phase 1: everything in one program, as it was written and tested."""

from visitor import Visitor
from warehouse import Warehouse

warehouse = Warehouse()
Visitor("Emil").visit(warehouse, brings="radio", takes="bike")
Visitor("Lotte").visit(warehouse, brings="globe", takes="bike")
