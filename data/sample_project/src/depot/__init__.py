"""Orders, stock, invoices and parcels of a small mail-order business."""

__version__ = "1.4.0"
