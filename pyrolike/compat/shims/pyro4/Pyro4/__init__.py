"""Stands for Pyro4 in processes that have this directory on their path: pyrolike takes over."""

from pyrolike.compat.registering import take_over

take_over(__name__)
