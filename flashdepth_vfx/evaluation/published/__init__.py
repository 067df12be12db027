"""The tables of the paper: its test sets, its protocol, and its own figures beside those that are measured."""
