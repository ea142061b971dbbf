"""What is sold, and at which price."""

from .price_list import PriceList
from .product import *
