"""The command ``pyrolike``: one room for each of its subcommands, and `main` with the table.

A subcommand is a function ``main(args, *, prog)`` that returns the exit status. None is imported
before it is asked for.
"""
