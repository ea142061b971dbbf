"""What lies in the warehouse, what of it is promised, and what has to be ordered."""

from depot.catalog.stock import OutOfStock, StockLedger

from .warehouse import Warehouse
