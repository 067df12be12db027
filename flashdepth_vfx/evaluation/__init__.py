"""How good and how steady a depth is: metrics, test sets, tables and sheets."""
