"""How much of the work a part gets that is being rolled out, and its retreat where it is measured to be worse."""
